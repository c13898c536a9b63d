"""Which view answers what."""

from __future__ import annotations

from django.urls import path

from . import views

urlpatterns = [
    path("agreements/", views.agreements),
    path("agreements/<str:agreement>/", views.show),
    path("agreements/<str:agreement>/history/", views.history),
    path("agreements/<str:agreement>/documents/<str:kind>/", views.upload),
    path("agreements/<str:agreement>/facts/<str:name>/", views.record),
    path("agreements/<str:agreement>/moves/", views.move),
    path("agreements/<str:agreement>/votes/", views.vote),
    path("papers/<str:digest>/", views.paper),
    path("requests/<str:request_id>/", views.outcome),
    path("tasks/", views.tasks),
]
