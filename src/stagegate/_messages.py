"""What is told, in words."""

from __future__ import annotations

from ._notices import Message, Notification


def render(notification: Notification) -> Message:
    """Return a notification in words."""
    lines = [f"{key}: {value}" for key, value in sorted(notification.context.items())]
    subject = f"{notification.agreement}: {notification.kind}"
    return Message(subject=subject, text="\n".join([subject, "", *lines]), lang=notification.lang)
