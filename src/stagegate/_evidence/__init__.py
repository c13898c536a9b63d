"""What gates usually ask for: documents, approvals, facts, parties, and who acts."""

from .approvals import ApprovalRequirement, approval
from .documents import DocumentRequirement, document
from .facts import FactRequirement, fact
from .people import ActorRequirement, PartiesRequirement, actor, parties
from .values import UNSET, Ref, same, value_of

__all__ = [
    "UNSET",
    "ActorRequirement",
    "ApprovalRequirement",
    "DocumentRequirement",
    "FactRequirement",
    "PartiesRequirement",
    "Ref",
    "actor",
    "approval",
    "document",
    "fact",
    "parties",
    "same",
    "value_of",
]
