"""DefectDojo's generic parser aborts on a key it does not know; ours are all among those it does."""

import io
import json

from sohoaudit import report
from tests.report.offices import FORWARDED

# django-DefectDojo, dojo/tools/generic/json_parser.py, read 2026-08-07.
ALLOWED = {
    "title", "severity", "description", "date", "cwe", "cve", "cvssv3", "cvssv3_score", "mitigation", "impact",
    "steps_to_reproduce", "severity_justification", "references", "active", "verified", "false_p", "out_of_scope",
    "risk_accepted", "under_review", "is_mitigated", "mitigated", "component_name", "component_version", "endpoints",
    "vulnerability_ids", "tags", "unique_id_from_tool", "vuln_id_from_tool", "dynamic_finding", "static_finding",
    "known_exploited", "kev_date", "epss_score", "epss_percentile", "fix_available", "fix_version", "file_path", "line",
}  # fmt: skip


def test_every_finding_has_what_is_required_and_nothing_that_aborts() -> None:
    stream = io.BytesIO()
    report.write(FORWARDED, "defectdojo", "en", stream)
    document = json.loads(stream.getvalue())
    assert set(document) == {"findings"}
    assert len(document["findings"]) == 5
    for finding in document["findings"]:
        assert {"title", "severity", "description"} <= set(finding) <= ALLOWED
        assert finding["severity"] in ("Critical", "High", "Medium", "Low", "Info")
    camera = next(f for f in document["findings"] if f["unique_id_from_tool"] == "fin-cam001")
    assert camera["endpoints"] == [{"host": "203.0.113.7", "port": 8080, "protocol": "tcp"}]
    assert camera["known_exploited"] is True
    assert camera["kev_date"] == "2022-03-03"
