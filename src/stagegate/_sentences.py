"""What each reason says, in English; the catalogs in `locale/` say it in other languages."""

from __future__ import annotations

SENTENCES: dict[str, str] = {
    "true": "true",
    "false": "false",
    "guard.error": "the requirement {requirement} could not be checked: {error}",
    "plugin.error": "the plugin {plugin} could not answer: {error}",
    "predicate": "{reason}",
    "predicate.false": "the requirement {requirement} does not hold",
    "any": "one of these must hold",
    "at_least": "{have} of {need} of these hold",
    "not": "this must not hold: {requirement}",
    "agreement.on_hold": "the agreement is on hold: {reason}",
    "agreement.not_on_hold": "the agreement is not on hold",
    "document.missing": "the document {document} is missing",
    "document.unsigned": "the document {document} has {have} of {need} signatures",
    "document.unsigned_by": "the document {document} is not signed by {by}",
    "document.language": "the document {document} is not in {languages}",
    "document.any_language": "the document {document} is in none of {languages}",
    "document.field": "the document {document} does not say: {field}",
    "document.equals": "in the document {document}, {field} must be {expected}, and is {value}",
    "document.lists": "in the document {document}, {field} does not list {missing}",
    "document.refers_to": "the document {document} does not refer to the current {other}",
    "document.undated": "the document {document} has no date ({field})",
    "document.later": "the document {document} of {date} is later than {other} of {limit}",
    "document.earlier": "the document {document} of {date} is earlier than {other} of {limit}",
    "document.expired": "the document {document} was valid until {date}",
    "approval.missing": "{have} of {need} approvals of {role} are given",
    "approval.refused": "{by} has voted against it as {role}: {reason}",
    "approval.excluded": "the approval of {by} as {role} does not count: the same person acted as {other}",
    "approval.conflict": "the approval of {by} as {role} does not count: a conflict of interest is declared",
    "approval.nothing": "there is no document {document} yet that {role} could approve",
    "approval.outdated": "the approval of {by} as {role} is for another version of {document}",
    "approval.no_result": "the approval of {role} does not say how many members there are, were present and voted",
    "approval.quorum": "{present} of {members} members of {role} were present; more than {quorum} must be",
    "approval.quorum_at_least": "{present} of {members} members of {role} were present; at least {quorum} must be",
    "approval.majority": "{in_favour} of {present} present members of {role} voted in favour; more than half must",
    "approval.majority_above": (
        "{in_favour} of {present} present members of {role} voted in favour; more than {majority} must"
    ),
    "approval.majority_at_least": (
        "{in_favour} of {present} present members of {role} voted in favour; at least {majority} must"
    ),
    "approval.votes": (
        "{role} needs more votes in favour: {missing}, from {from}"
        " (so far {in_favour} in favour, {against} against, {abstaining} abstaining)"
    ),
    "approval.lost": (
        "as the votes stand, {role} cannot approve any more: {in_favour} in favour, {against} against, {abstaining}"
        " abstaining; no vote that is still missing can change that"
    ),
    "approval.members_unknown": "the fact {fact} does not say how many members {role} has, or who they are",
    "approval.members": "the recorded result counts {counted} members of {role}; it has {members}",
    "approval.too_many": "{present} persons have voted as {role}, which has {members} members",
    "approval.not_member": "the vote of {by} as {role} does not count: {member} is not listed among the members",
    "approval.order": "the vote of {by} as {role} does not count: it is for {before} to approve first",
    "approval.minutes": "the result that {by} recorded for {role} does not count without the current {document}",
    "approval.recused": "{by} takes no part as {role}, for a conflict of interest: {reason}",
    "approval.adjourned": "{role} has adjourned its vote until {until}: {reason}",
    "approval.adjournments": "{role} has adjourned its vote as often as it may: {have} of {most}",
    "fact.missing": "the fact {fact} is not recorded",
    "fact.equals": "the fact {fact} must be {expected}, and is {value}",
    "fact.one_of": "the fact {fact} must be one of {expected}, and is {value}",
    "fact.at_least": "the fact {fact} must be at least {expected}, and is {value}",
    "fact.at_most": "the fact {fact} must be at most {expected}, and is {value}",
    "fact.above": "the fact {fact} must be above {expected}, and is {value}",
    "fact.below": "the fact {fact} must be below {expected}, and is {value}",
    "fact.each": "{entry}: {field} must be {expected}, and is {value}",
    "fact.each_one_of": "{entry}: {field} must be one of {expected}, and is {value}",
    "fact.each_at_least": "{entry}: {field} must be at least {expected}, and is {value}",
    "fact.each_at_most": "{entry}: {field} must be at most {expected}, and is {value}",
    "fact.each_above": "{entry}: {field} must be above {expected}, and is {value}",
    "fact.each_below": "{entry}: {field} must be below {expected}, and is {value}",
    "fact.each_missing": "{entry}: {field} is not recorded",
    "fact.no_entries": "the fact {fact} has no entries",
    "fact.shape": "the fact {fact} must be a table of entries, and is {value}",
    "parties.count": "there are {have} parties; {need} are needed",
    "parties.missing": "{party} is not a party",
    "parties.kind": "the party {party} is {value}, not {expected}",
    "actor.listed": "{actor} is listed in {fact}",
    "actor.role": "{actor} does not act as {roles}",
}
"""By code; the params of the reason fill the named places."""
