"""What makes each alert fire, and what none may fire at, as series for `promtool test rules`.

A case is a healthy server's series with some exchanged. Values are in promtool's notation, one for each step: `0+5x240` is 0
and then 240 times 5 more, `7x240` stays at 7. In its case an alert fires, and no other does.
"""

JOB = 'job="fleetwire", instance="127.0.0.1:8000"'


def name(metric, labels=""):
    return f"fleetwire_{metric}{{{JOB}{', ' + labels if labels else ''}}}"


def histogram(metric, each_step, at_most, labels="", steps=240):
    """So many observations in each step, all above 0.05 and at most `at_most`."""
    return {
        name(f"{metric}_bucket", f'{labels}{", " if labels else ""}le="{le}"'):
            f"0+{each_step if float(le) >= at_most else 0}x{steps}"
        for le in ("0.05", "0.1", "1", "2.5", "5", "30", "300", "+Inf")
    }


def counters(each_step, *metrics, steps=240):
    return {name(f"{metric}_total"): f"0+{each_step}x{steps}" for metric in metrics}


def gauges(value, *metrics, steps=240):
    return {name(metric): f"{value}x{steps}" for metric in metrics}


# An hour of a fleet at work, in steps of 15 s.
HEALTHY = {
    f"up{{{JOB}}}": "1x240",
    'probe_success{job="fleetwire-ready", instance="http://127.0.0.1:8000/readyz"}': "1x240",
    **gauges(1000, "sessions"),
    **gauges(300, "http_connections", "drivers_matchable"),
    **gauges(2, "database_queue", "recorder_queue", "audit_waiting"),
    **counters(40, "events_sent", "events_confirmed"),
    **counters(1500, "positions_accepted", "positions_stored"),
    **counters(
        0, "positions_repeated", "positions_refused", "positions_dropped", "positions_implausible",
        "announcements_repaired", "audit_refused", "log_lines_dropped", "connections_limited", "rides_held_refused",
        "rooms_full", "drivers_lost", "database_refused", "database_given_up", "push_texts_shortened", "push_limited",
        "handshakes_limited", "logins_limited", "searches_limited", "ws_panics", "ws_floods", "ws_protocol_errors"),
    # Some of each are a day's work.
    **counters(1, "sessions_refused", "sessions_ghosted", "messages_refused", "ws_overflowed", "ws_idle", "rows_pruned"),
    name("limited_total", 'limit="nearby"'): "0+1x240",
    name("requests_refused_total", 'code="not_found"'): "0+1x240",
    name("http_connections_closed_total", 'reason="room"'): "0x240",
    name("push_paused", 'service="fcm"'): "0x240",
    name("push_answers_total", 'service="fcm", answer="accepted"'): "0+10x240",
    name("push_answers_total", 'service="fcm", answer="retry"'): "0x240",
    name("push_answers_total", 'service="fcm", answer="rejected"'): "0x240",
    name("push_answers_total", 'service="fcm", answer="misconfigured"'): "0x240",
    **histogram("event_confirm_seconds", 40, 0.1),
    **histogram("database_seconds", 500, 0.1),
    **histogram("match_seconds", 4, 5),
    **histogram("push_accept_seconds", 10, 1, 'service="fcm"'),
}


def longer(steps):
    """The healthy server for as many steps."""
    return {series: values.replace("x240", f"x{steps}") for series, values in HEALTHY.items()}


def once(metric, labels=""):
    """Nothing for 25 minutes, then 5 and no more."""
    return {name(f"{metric}_total", labels): "0x100 5x140"}


def jump(metric):
    """As healthy for 25 minutes, then forty times as much."""
    return {name(f"{metric}_total"): "0+1x100 140+40x139"}


# The time is when the alert has been firing for less than a minute, or a little later; the cases begin at 0.
FIRES = {
    "FleetwireDown": ("30m", {f"up{{{JOB}}}": "1x100 0x140"}),
    "FleetwireNotReady": (
        "30m", {'probe_success{job="fleetwire-ready", instance="http://127.0.0.1:8000/readyz"}': "1x100 0x140"}),
    "FleetwireDecisionsRefused": ("26m", once("database_given_up")),
    "FleetwirePositionsDropped": ("26m", once("positions_dropped")),
    "FleetwireSessionsFell": ("27m", {name("sessions"): "1000x100 600x140"}),
    "FleetwireEventsUnconfirmed": ("35m", {name("events_confirmed_total"): "0+40x100 4000x140"}),
    "FleetwireSessionPanicked": ("26m", once("ws_panics")),
    # Its series is not there before.
    "FleetwireInternalErrors": ("26m", {name("requests_refused_total", 'code="internal_error"'): "_x100 1x140"}),
    "FleetwirePushMisconfigured": ("26m", once("push_answers", 'service="fcm", answer="misconfigured"')),
    "FleetwireReadsRefused": ("26m", once("audit_refused")),
    "FleetwireLogLinesDropped": ("26m", once("log_lines_dropped")),
    "FleetwireConfirmsSlow": ("30m", histogram("event_confirm_seconds", 40, 2.5)),
    "FleetwireDatabaseSlow": ("30m", histogram("database_seconds", 500, 1)),
    "FleetwireDatabaseQueue": ("30m", gauges(150, "database_queue")),
    "FleetwireRecorderQueue": ("30m", gauges(12000, "recorder_queue")),
    "FleetwirePositionsUnwritten": ("35m", counters(1300, "positions_stored")),
    "FleetwirePositionsRefused": ("26m", once("positions_refused")),
    "FleetwireSocketsNearLimit": ("30m", gauges(17000, "sessions")),
    "FleetwireSocketsRefused": ("26m", once("connections_limited")),
    "FleetwireConnectionsNearLimit": ("30m", gauges(9000, "http_connections")),
    "FleetwireMatchableFell": ("32m", {name("drivers_matchable"): "300x100 120x140"}),
    "FleetwireDriversLost": ("26m", once("drivers_lost")),
    "FleetwireMatchesSlow": ("35m", histogram("match_seconds", 4, 300)),
    "FleetwirePositionsImplausible": ("35m", counters(400, "positions_implausible")),
    "FleetwirePositionsRepeated": (
        "150m", {**counters(1000, "positions_repeated"), **counters(500, "positions_stored")}, "1m"),
    "FleetwireAnnouncementsRepaired": ("26m", once("announcements_repaired")),
    "FleetwireTokensRefused": ("30m", jump("sessions_refused")),
    "FleetwireSessionsGhosted": ("30m", jump("sessions_ghosted")),
    "FleetwireLimitsHit": ("40m", {name("limited_total", 'limit="nearby"'): "0+30x240"}),
    "FleetwireAppsMisunderstood": ("30m", jump("messages_refused")),
    "FleetwireSocketsClosedByUs": ("40m", counters(10, "ws_overflowed")),
    "FleetwirePushPaused": ("30m", {name("push_paused", 'service="fcm"'): "1x240"}),
    "FleetwirePushSlow": ("30m", histogram("push_accept_seconds", 10, 30, 'service="fcm"')),
    "FleetwirePushRefused": (
        "40m", {name("push_answers_total", 'service="fcm", answer="retry"'): "0+4x240"}),
    "FleetwirePushTextsShortened": ("26m", once("push_texts_shortened")),
    "FleetwireAuditWaits": ("50m", {name("audit_waiting"): "0+5x240"}),
    # A day of work and more than one of none. A sample is good for five minutes, so no step may be longer.
    "FleetwireNothingPruned": ("54h", {**longer(900), name("rows_pruned_total"): "0+16x400 6400x500"}, "4m"),
}

# What none may fire at.
QUIET = {
    "a fleet at work": ("55m", {}),
    "a restart: phones come back within a minute, counters begin anew": (
        "28m", {name("sessions"): "1000x100 0x2 700x1 1000x140", name("events_sent_total"): "0+40x100 0+40x140",
                name("database_given_up_total"): "7x100 0x140"}),
    "a night without a ride": (
        "55m", {**histogram("match_seconds", 0, 5), **histogram("event_confirm_seconds", 0, 1),
                **histogram("push_accept_seconds", 0, 1, 'service="fcm"'), **counters(0, "events_sent", "events_confirmed"),
                name("push_answers_total", 'service="fcm", answer="accepted"'): "0x240"}),
    "a small fleet that goes home": (
        "28m", {name("sessions"): "20x100 3x140", name("drivers_matchable"): "8x100 1x140",
                **counters(0, "ws_overflowed", "ws_idle")}),
    "as many bad tokens as in the last hour": ("100m", counters(80, "sessions_refused"), "1m"),
    "a driver whose phone is empty": ("26m", {name("drivers_lost_total"): "0x100 1x140"}),
    "one push that a service wants again": (
        "40m", {name("push_answers_total", 'service="fcm", answer="retry"'): "0x100 3x140"}),
    "a young server that has nothing old to remove": ("55m", counters(0, "rows_pruned")),
}


def cases():
    """(what it is, when, series, the step, alerts that fire)"""
    for alert, (when, exchanged, *step) in FIRES.items():
        yield alert, when, {**HEALTHY, **exchanged}, *(step or ["15s"]), [alert]
    for what, (when, exchanged, *step) in QUIET.items():
        yield what, when, {**HEALTHY, **exchanged}, *(step or ["15s"]), []


def tests(rules):
    """Files for `promtool test rules`, by their step, in which rules are evaluated, too. JSON is YAML, too."""
    files = {}
    for what, when, given, step, firing in cases():
        file = files.setdefault(step, {"rule_files": [str(rules)], "evaluation_interval": step, "tests": []})
        file["tests"].append({
            "name": what,
            "interval": step,
            "input_series": [{"series": series, "values": values} for series, values in given.items()],
            "promql_expr_test": [{
                "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": when,
                "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in firing],
            }],
        })
    return files
