#!/usr/bin/env python3
"""caltime.h against Python's zoneinfo: every zone of the system, every change of offset from 2025 to 2037.

Around each change: the instants one hour, one second and nothing before and after it, and the wall times five hours
around it in steps of ten minutes, which fall into gaps and overlaps. The program is in $SMMQ_ZONEDUMP
(tests/unit/zonedump).
"""
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone

DIRECTORY = "/usr/share/zoneinfo"
FIRST = int(datetime(2025, 1, 1, tzinfo=timezone.utc).timestamp())
LAST = int(datetime(2038, 1, 1, tzinfo=timezone.utc).timestamp()) - 1
STEP = 3 * 86400


def skip(why):
    print("SKIP zones: " + why)
    sys.exit(77)


def offset(zone, at):
    return int(datetime.fromtimestamp(at, zone).utcoffset().total_seconds())


def changes(zone):
    at, before = FIRST, offset(zone, FIRST)
    while at < LAST:
        after = min(at + STEP, LAST)
        now = offset(zone, after)
        if now != before:
            low, high = at, after
            while high - low > 1:
                middle = (low + high) // 2
                if offset(zone, middle) == before:
                    low = middle
                else:
                    high = middle
            yield high
        at, before = after, now


def expect_instant(zone, at):
    return "%d %s" % (offset(zone, at), datetime.fromtimestamp(at, zone).strftime("%Y-%m-%dT%H:%M:%S"))


def expect_wall(zone, wall):
    """fold=0 is our rule: the first of two, and in a gap the offset before it."""
    first = wall.replace(tzinfo=zone, fold=0)
    second = wall.replace(tzinfo=zone, fold=1)
    note = 0
    if first.utcoffset() != second.utcoffset():
        note = 2 if first.utcoffset() > second.utcoffset() else 1
    return "%d %d" % (int(first.astimezone(timezone.utc).timestamp()), note)


def questions(name, zone):
    instants = {FIRST, LAST}
    walls = set()
    for change in changes(zone):
        instants.update(change + d for d in (-3600, -1, 0, 1, 3599, 3600))
        middle = datetime.fromtimestamp(change, zone).replace(tzinfo=None)
        walls.update(middle + timedelta(minutes=10 * k) for k in range(-30, 31))
    instants.update(range(FIRST, LAST, 40 * 86400))
    for at in sorted(t for t in instants if FIRST <= t <= LAST):
        yield "%s %d" % (name, at), expect_instant(zone, at)
    for wall in sorted(walls):
        yield "%s %s" % (name, wall.strftime("%Y-%m-%dT%H:%M:%S")), expect_wall(zone, wall)


def main():
    program = os.environ.get("SMMQ_ZONEDUMP")
    if not program or not os.access(program, os.X_OK):
        skip("SMMQ_ZONEDUMP names no program (tests/unit/zonedump)")
    try:
        import zoneinfo
    except ImportError:
        skip("this Python has no zoneinfo (3.9 or later has it)")
    if not os.path.exists(os.path.join(DIRECTORY, "tzdata.zi")):
        skip("no time zone data in " + DIRECTORY)
    zoneinfo.reset_tzpath(to=[DIRECTORY])
    # `localtime` is a setting of the machine, not a zone: refused on purpose.
    names = sorted(zoneinfo.available_timezones() - {"localtime"})
    asked, expected = [], []
    for name in names:
        for question, answer in questions(name, zoneinfo.ZoneInfo(name)):
            asked.append(question)
            expected.append(answer)
    result = subprocess.run([program], input="\n".join(asked) + "\n", capture_output=True, text=True, check=False)
    answers = result.stdout.splitlines()
    wrong = [(q, e, a) for q, e, a in zip(asked, expected, answers) if e != a]
    for question, want, got in wrong[:20]:
        print("wrong: %s: zoneinfo %s, caltime %s" % (question, want, got))
    zones = sorted({q.split()[0] for q, _, _ in wrong})
    print("%d zones, %d questions, %d answers, %d wrong in %d zones %s"
          % (len(names), len(asked), len(answers), len(wrong), len(zones), " ".join(zones[:20])))
    sound = result.returncode == 0 and len(answers) == len(asked) and len(names) > 300
    sys.exit(0 if sound and not wrong else 1)


if __name__ == "__main__":
    main()
