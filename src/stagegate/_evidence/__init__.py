"""What gates usually ask for: documents, approvals, facts, parties, and who acts."""

from .approvals import PROPOSER, ApprovalRequirement, approval
from .documents import DocumentRequirement, document
from .facts import FactRequirement, fact
from .kin import ParentRequirement, PartsRequirement, TrackRequirement, parent, parts, track, whole_ended
from .notices import NoticeRequirement, notice
from .people import ActorRequirement, PartiesRequirement, actor, parties
from .values import UNSET, Ref, same, value_of

__all__ = [
    "PROPOSER",
    "UNSET",
    "ActorRequirement",
    "ApprovalRequirement",
    "DocumentRequirement",
    "FactRequirement",
    "NoticeRequirement",
    "ParentRequirement",
    "PartiesRequirement",
    "PartsRequirement",
    "Ref",
    "TrackRequirement",
    "actor",
    "approval",
    "document",
    "fact",
    "notice",
    "parent",
    "parties",
    "parts",
    "same",
    "track",
    "value_of",
    "whole_ended",
]
