#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks what watches emailsd: rules, their tests and the dashboard, against the metrics that exist.

    docker/monitoring/alerts.yaml      promtool check rules; a row for each alert in docs/metrics.md
    docker/monitoring/alerts.test.yaml promtool test rules; each alert fires there, and does not
    docker/monitoring/prometheus.yaml  promtool check config
    docker/monitoring/emailsd.json     ids, places, queries that promtool can read
    docs/metrics.md                    every metric, label and value that rules and dashboard name;
                                       the names of server/http/endpoints/metrics*.c, in both directions

A misspelt metric is an alert that never fires and a panel that stays empty, and nothing says so.
`--self-test` spoils a copy of these files in one place at a time and wants every fault found."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

FOLDER = "docker/monitoring"
TABLE = "docs/metrics.md"
METRIC = r"\b(?:emailsd|process)_[a-z_]+"
RECORD = r"\bemailsd:[a-z0-9_:]+"
SELECTOR = rf"({METRIC}|{RECORD}|\bup)(?:\{{([^}}]*)\}})?"
MATCHER = r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"'
SCRAPED = {"job", "instance"}  # labels that come from the scrape
ROWS = ["Traffic", "Cache", "Lookups and batches", "Lists", "Upstream", "Money", "Process"]


def read_yaml(path):
    """Loads YAML with libyaml if it is available: ten times as fast."""
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def metrics_of(table):
    """Returns name -> {label: its values, or None if they are open}; a histogram adds its three series."""
    metrics = {"up": {}}
    row = r"^\| `([a-z_]+)` \| (counter|gauge|histogram) \|([^|]*)\|"
    for name, kind, labels in re.findall(row, table, re.M):
        known = {}
        for part in labels.split(","):
            words = re.findall(r"`([^`]+)`", part)
            if words:
                known[words[0]] = None if "..." in part else set(words[1:])
        if kind == "histogram":
            metrics.update({f"{name}_bucket": {**known, "le": None}, f"{name}_sum": known,
                            f"{name}_count": known})
        else:
            metrics[name] = known
    return metrics


def check_values(label, operator, value, known):
    """Rejects a label value that does not exist: it matches no series, or all. Patterns are lists of words
    here."""
    if known is None or "$" in value:
        return []
    words = value.split("|") if "~" in operator else [value]
    return [f'{label}="{word}" does not exist' for word in words if word not in known]


def check_expression(expression, metrics, records):
    faults = []
    for name, matchers in re.findall(SELECTOR, expression):
        if name in records:
            labels = dict.fromkeys(SCRAPED)
        elif name in metrics:
            labels = {**metrics[name], **dict.fromkeys(SCRAPED)}
        else:
            faults.append(f"{name} does not exist")
            continue
        for label, operator, value in re.findall(MATCHER, matchers):
            if label not in labels:
                faults.append(f"{name} has no label {label}")
            else:
                faults += check_values(f"{name}: {label}", operator, value, labels[label])
    return faults


def promtool(*words):
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else [f"promtool {words[0]} {words[1]}: " +
                                            (done.stdout + done.stderr).strip()]


def all_rules(rules):
    return [rule for group in rules["groups"] for rule in group["rules"]]


def check_rules(rules, metrics):
    records = {rule["record"] for rule in all_rules(rules) if "record" in rule}
    faults = []
    for rule in all_rules(rules):
        name = rule.get("alert") or rule["record"]
        faults += [f"{name}: {fault}"
                   for fault in check_expression(rule["expr"], metrics, records)]
        if "alert" in rule and not (rule["labels"].get("severity") in ("warning", "critical")
                                    and {"summary", "description"} <= set(rule["annotations"])):
            faults.append(f"{name}: no severity, or no summary and description")
    return faults


def check_alert_table(rules, table):
    """Compares the name and severity of each alert in the rules and in the table."""
    code = {(r["alert"], r["labels"]["severity"]) for r in all_rules(rules) if "alert" in r}
    told = set(re.findall(r"^\| `(Emailsd\w+)` \| (\w+) \|", table, re.M))
    return ([f"{x} is in alerts.yaml and not in {TABLE}" for x in sorted(code - told)] +
            [f"{x} is in {TABLE} and not in alerts.yaml" for x in sorted(told - code)])


def check_rule_tests(root, rules):
    """Checks that each alert fires in at least one test and is silent in at least one."""
    tests = read_yaml(root / FOLDER / "alerts.test.yaml")["tests"]
    looks = [look for test in tests for look in test["alert_rule_test"]]
    fires = {look["alertname"] for look in looks if look["exp_alerts"]}
    silent = {look["alertname"] for look in looks if not look["exp_alerts"]}
    alerts = {rule["alert"] for rule in all_rules(rules) if "alert" in rule}
    return ([f"{name} does not fire in alerts.test.yaml" for name in sorted(alerts - fires)] +
            [f"{name} is never silent in alerts.test.yaml" for name in sorted(alerts - silent)])


def check_places(panels):
    faults, taken = [], {}
    for panel in panels:
        at = panel["gridPos"]
        if at["x"] + at["w"] > 24:
            faults.append(f"panel {panel['title']} is too wide")
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                other = taken.setdefault((x, y), panel["title"])
                if other != panel["title"]:
                    faults.append(f"panels {other} and {panel['title']} overlap")
    return sorted(set(faults))


def questions_of(dashboard):
    """Yields (where, expression) of each query."""
    asked = [(f"annotation {a['name']}", a["expr"]) for a in dashboard["annotations"]["list"]]
    return asked + [(f"panel {panel['title']}", target["expr"])
                    for panel in dashboard["panels"] for target in panel.get("targets", [])]


def read_dashboard(root):
    with open(root / FOLDER / "emailsd.json", encoding="utf-8") as file:
        return json.load(file)


def check_panels(panels):
    ids = [panel["id"] for panel in panels]
    faults = check_places(panels)
    if len(set(ids)) != len(ids):
        faults.append("two panels have the same id")
    if [panel["title"] for panel in panels if panel["type"] == "row"] != ROWS:
        faults.append(f"the rows of the dashboard are not {ROWS}")
    return faults + [f"panel {panel['title']} has no query" for panel in panels
                     if panel["type"] != "row" and not panel.get("targets")]


def check_dashboard(root, rules, metrics):
    dashboard = read_dashboard(root)
    records = {rule["record"] for rule in all_rules(rules) if "record" in rule}
    faults = check_panels(dashboard["panels"])
    for where, expression in questions_of(dashboard):
        faults += [f"{where}: {fault}"
                   for fault in check_expression(expression, metrics, records)]
        if "$instance" not in expression:
            faults.append(f"{where}: not of the chosen instance: {expression}")
    return faults


def check_use(root, rules, metrics):
    """Checks that every metric is used: the loss of an unused metric would not be noticed."""
    used = " ".join([expression for _, expression in questions_of(read_dashboard(root))] +
                    [rule["expr"] for rule in all_rules(rules)])
    names = {name.removesuffix("_bucket") for name in metrics
             if not name.endswith(("_sum", "_count"))}
    return [f"{name} is in {TABLE}, and neither on the dashboard nor in a rule"
            for name in sorted(names) if not re.search(rf"\b{name}(_bucket)?\b", used)]


def check_by_promtool(root):
    """Writes each query of the dashboard as a rule, because promtool reads rules only."""
    rules = [{"record": f"q{i}", "expr": expression.replace("$__rate_interval", "1m")}
             for i, (_, expression) in enumerate(questions_of(read_dashboard(root)))]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
        file.flush()
        return (promtool("check", "rules", f"{root}/{FOLDER}/alerts.yaml") +
                promtool("test", "rules", f"{root}/{FOLDER}/alerts.test.yaml") +
                promtool("check", "config", f"{root}/{FOLDER}/prometheus.yaml") +
                promtool("check", "rules", file.name))


def check_code(root, table):
    """Compares the daemon's own list of metrics with the table."""
    sources = sorted((root / "server/http/endpoints").glob("metrics*.c"))
    if not sources:
        return []
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    code = set(re.findall(rf'"({METRIC})"', text))
    told = set(re.findall(r"^\| `((?:emailsd|process)_[a-z_]+)` \|", table, re.M))
    if not code:
        return ["no metric was found in server/http/endpoints/metrics*.c: has the format of the table changed?"]
    return ([f"{x} is in the code and not in {TABLE}" for x in sorted(code - told)] +
            [f"{x} is in {TABLE} and not in the code" for x in sorted(told - code)])


def check(root):
    table = (root / TABLE).read_text(encoding="utf-8")
    rules = read_yaml(root / FOLDER / "alerts.yaml")
    metrics = metrics_of(table)
    return (check_code(root, table) + check_rules(rules, metrics) +
            check_alert_table(rules, table) + check_rule_tests(root, rules) +
            check_dashboard(root, rules, metrics) + check_use(root, rules, metrics))


SPOILT = [  # file, its text, other text, what must be reported
    ("alerts.yaml", "emailsd_queue_oldest_seconds", "emailsd_queue_age_seconds",
     "emailsd_queue_age_seconds does not exist"),
    ("alerts.yaml", 'reason="paused"', 'reason="halted"', 'reason="halted" does not exist'),
    ("alerts.yaml", 'reason="paused"', 'why="paused"', "has no label why"),
    ("alerts.yaml", "expr: emailsd_store_usable == 0", "expr: emailsd_store_usable == == 0",
     "promtool check rules"),
    ("alerts.yaml", "emailsd_store_usable == 0", "emailsd_store_usable == 1",
     "promtool test rules"),
    ("alerts.yaml", "severity: critical", "severity: awful", "EmailsdDown: no severity"),
    ("alerts.test.yaml", "alertname: EmailsdPaused, eval_time: 59m, exp_alerts: []",
     "alertname: EmailsdDown, eval_time: 59m, exp_alerts: []", "EmailsdPaused is never silent"),
    ("alerts.test.yaml", "alertname: EmailsdQueueOld\n", "alertname: EmailsdQueueNew\n",
     "EmailsdQueueOld does not fire"),
    ("prometheus.yaml", "scrape_configs:", "scrape_config:", "promtool check config"),
    ("emailsd.json", "sum by (code) (rate(", "sum by (code) rate((", "promtool check rules"),
    ("emailsd.json", "emailsd_cache_evictions_total", "emailsd_cache_losses_total",
     "emailsd_cache_losses_total does not exist"),
    ("emailsd.json", "emailsd_cache_evictions_total", "emailsd_cache_entries",
     "emailsd_cache_evictions_total is in docs/metrics.md, and neither"),
    ("emailsd.json", "emailsd_cache_entries{instance=~\\\"$instance\\\"}", "emailsd_cache_entries",
     "not of the chosen instance"),
    ("emailsd.json", '"id": 2,', '"id": 3,', "the same id"),
    ("emailsd.json", '"x": 8,', '"x": 7,', "overlap"),
    ("emailsd.json", '"x": 16,', '"x": 17,', "too wide"),
    ("emailsd.json", '"title": "Money"', '"title": "Cash"', "the rows of the dashboard"),
    ("metrics.md", "| `emailsd_waiters` |", "| `emailsd_callers` |",
     "emailsd_waiters does not exist"),
    ("metrics.md", "| `EmailsdDown` | critical |", "| `EmailsdDown` | warning |",
     "('EmailsdDown', 'critical') is in alerts.yaml"),
    ("metrics.c", '"emailsd_waiters"', '"emailsd_callers"',
     "emailsd_callers is in the code and not"),
    ("metrics.c", '"emailsd_waiters"', "", "emailsd_waiters is in docs/metrics.md and not in"),
    ("metrics.c", "emailsd_", "", "has the format of the table changed"),
]


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        shutil.copytree(FOLDER, root / FOLDER)
        for path in (root / "docs", root / "server/http/endpoints"):
            path.mkdir(parents=True)
        shutil.copy(TABLE, root / TABLE)
        names = re.findall(rf"^\| `({METRIC})` \|", (root / TABLE).read_text("utf-8"), re.M)
        (root / "server/http/endpoints/metrics.c").write_text("".join(f'"{n}"\n' for n in names), "utf-8")
        if check(root) + check_by_promtool(root):
            sys.exit("check_monitoring: self-test: false alarm: "
                     f"{check(root) + check_by_promtool(root)}")
        for name, words, others, fault in SPOILT:
            path = next(root.rglob(name))
            whole = path.read_text("utf-8")
            spoilt = whole.replace("emailsd_", "").replace("process_", "") if words == "emailsd_" \
                else whole.replace(words, others)
            path.write_text(spoilt, "utf-8")
            said = check_by_promtool(root) if fault.startswith("promtool") else check(root)
            path.write_text(whole, "utf-8")
            if spoilt == whole or not any(fault in one for one in said):
                sys.exit(f"check_monitoring: self-test: not seen: {fault}: {said}")


if __name__ == "__main__":
    if not shutil.which("promtool"):
        print("check_monitoring: promtool is missing; Debian's package prometheus contains it")
        sys.exit(1)
    if "--self-test" in sys.argv:
        self_test()
    else:
        found_faults = check(pathlib.Path(".")) + check_by_promtool(pathlib.Path("."))
        print("\n".join(found_faults), end="\n" if found_faults else "")
        sys.exit(1 if found_faults else 0)
