"""What the checker found: rule by rule, with the clause and what was seen."""

from dataclasses import dataclass, field, replace
from enum import StrEnum


class Verdict(StrEnum):
    """How a rule fared."""

    KEPT = "kept"
    BROKEN = "broken"
    ADVICE = "advice"  # the standard only recommends it, or peers expect it
    UNSEEN = "not seen"  # there was nothing to judge it by


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule at one place. `evidence` is what was asked and what came back, the first time."""

    rule: str
    clause: str
    verdict: Verdict
    where: str
    evidence: str = ""
    times: int = 1


@dataclass(slots=True)
class Report:
    """Everything that was found at one platform."""

    versions: list[str] = field(default_factory=list)
    version: str | None = None
    findings: list[Finding] = field(default_factory=list)

    def note(
        self, rule: str, clause: str, verdict: Verdict, where: str, evidence: str = ""
    ) -> None:
        """Add a finding, or count one that is there."""
        for at, one in enumerate(self.findings):
            if (one.rule, one.verdict, one.where) == (rule, verdict, where):
                self.findings[at] = replace(one, times=one.times + 1)
                return
        self.findings.append(Finding(rule, clause, verdict, where, evidence[:500]))

    def judge(self, rule: str, clause: str, where: str, kept: bool, evidence: str) -> bool:
        """Add a finding; the evidence is told either way. Returns whether the rule was kept."""
        self.note(rule, clause, Verdict.KEPT if kept else Verdict.BROKEN, where, evidence)
        return kept

    def advise(self, rule: str, clause: str, where: str, kept: bool, evidence: str) -> None:
        """The same for what the standard says SHOULD be, or leaves to be understood."""
        self.note(rule, clause, Verdict.KEPT if kept else Verdict.ADVICE, where, evidence)

    @property
    def broken(self) -> list[Finding]:
        """The rules that are not kept."""
        return [one for one in self.findings if one.verdict is Verdict.BROKEN]
