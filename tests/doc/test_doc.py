#!/usr/bin/env python3
"""The documents say what the program's tables say: PROTOCOL, the manual pages, the samples and README.

DUMP is tests/doc/dump.c built, SMMQ the client, srcdir the source's root."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

SRC = os.environ.get("srcdir") or "."
if not os.path.exists(os.path.join(SRC, "proto", "PROTOCOL")):
    SRC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
ROWS = []
FINDINGS = []


def rows(kind):
    return [row for row in ROWS if row["kind"] == kind]


def wrong(where, text):
    FINDINGS.append("%s: %s" % (where, text))


def read(path):
    with open(os.path.join(SRC, path), encoding="utf-8") as f:
        return f.read()


def yes(flag):
    return "yes" if flag else "no"


# ---- mdoc as plain words

MACROS = set("Ar Cm Dv Em Ev Fl Ic It Li Nm Ns Oc Oo Op Pa Pf Pq Sy Xr Ql Bq Dq Sq Ss Sh Tn No Nd".split())


def flatten(line):
    """A line of mdoc as it reads: macros gone, blanks of punctuation as they may be."""
    if not line.startswith("."):
        return line.replace("\\&", "").replace("\\-", "-")
    words, out, dash, glue = line[1:].split(), "", "", False
    for word in words:
        if word in ("Ns", "Pf"):
            glue = True
        elif word in MACROS:
            dash = "-" if word == "Fl" else ""
        else:
            word = word.replace("\\&", "").replace("\\-", "-").replace("\\en", "\\n")
            if word in (",", ".", ";", ":", ")") or glue or not out:
                out += dash + word
            else:
                out += " " + dash + word
            glue, dash = False, dash if word in (",", "|") else ""
    return out


def squeeze(text):
    return " ".join(text.split())


def entries(page, platform=None):
    """(first word of the item, its whole text) of each .It and .Ss of a page, or of what stands up to the end of the list of a
    platform's own options; a text ends where the next item begins."""
    found, text = [], read(page)
    if platform:
        above, own = re.split(r"\nFor\n\.Cm %s\b[^\n]*\n" % platform, "\n" + text, maxsplit=1)
        text = above + "\n.It own\n" + own.partition("\n.El\n")[0]
    for line in text.split("\n"):
        if re.match(r"\.(It|Ss|Sh) ", line):
            head = flatten(line)
            found.append([re.split(r"[ =,]", head)[0], head])
        elif found:
            found[-1][1] += "\n" + flatten(line)
    return [(word, squeeze(text)) for word, text in found]


def entry(page, word, platform=None):
    """The text of an item; of a platform's option the last one, for what its own list does not tell it tells of further above."""
    found = [text for first, text in entries(page, platform) if first == word]
    return found[-1 if platform else 0] if found else None


# ---- PROTOCOL

def table(text, header):
    """The rows of the table below a header line, as lists of words."""
    lines = text.split("\n")
    at = next((i for i, line in enumerate(lines) if line.split() == header.split()), None)
    if at is None:
        wrong("PROTOCOL", "there is no table with the header %r" % header)
        return []
    out = []
    for line in lines[at + 1:]:
        if not line.strip():
            break
        out.append(line.split())
    return out


def compare(where, documented, real):
    for row in documented:
        if row not in real:
            wrong(where, "says %r; the program does not" % " ".join(row))
    for row in real:
        if row not in documented:
            wrong(where, "lacks %r" % " ".join(row))
    if len(documented) > len(real):
        wrong(where, "says something twice")


def test_protocol_errors():
    documented = [row[:4] for row in table(read("proto/PROTOCOL"), "code exit retryable safe_to_retry")]
    compare("PROTOCOL, errors", documented,
            [[s["word"], str(s["exit"]), yes(s["retryable"]), yes(s["safe"])] for s in rows("status")])


def test_protocol_transitions():
    compare("PROTOCOL, transitions", table(read("proto/PROTOCOL"), "from event to"),
            [[t["from"], t["event"], t["to"]] for t in rows("transition")])


def test_protocol_states_in_drawing():
    text = read("proto/PROTOCOL").split("3. The life of a target")[1].split("4. Verbs")[0]
    for state in rows("state"):
        if not re.search(r"\b%s\b" % state["name"], text):
            wrong("PROTOCOL, section 3", "lacks the state %s" % state["name"])


def words_of(verb):
    names = {"PUT": "name size"}.get(verb["name"], " ".join(["id"] * verb["max_words"]))
    if not names:
        return "-"
    return names if verb["min_words"] == verb["max_words"] else "[%s]" % names


def test_protocol_verbs():
    documented = [" ".join(row).split() for row in table(read("proto/PROTOCOL"), "verb level words body")]
    compare("PROTOCOL, verbs", documented,
            [("%s %s %s %s" % (v["name"], v["level"], words_of(v), v["body"])).split() for v in rows("verb")])


def test_protocol_sections():
    headings = re.findall(r"^4\.\d+ (\S+)$", read("proto/PROTOCOL"), re.M)
    numbers = [int(n) for n in re.findall(r"^4\.(\d+) \S+$", read("proto/PROTOCOL"), re.M)]
    compare("PROTOCOL, sections", [[h] for h in headings], [[v["name"]] for v in rows("verb")])
    if numbers != list(range(1, len(numbers) + 1)):
        wrong("PROTOCOL", "section numbers are not 4.1, 4.2, ...: %r" % numbers)


def test_protocol_transcripts():
    """Each verb is shown at least once, and no transcript uses one that is none."""
    used = set(re.findall(r"^> ([A-Z]+)", read("proto/PROTOCOL"), re.M))
    names = {v["name"] for v in rows("verb")}
    for name in sorted(names - used):
        wrong("PROTOCOL", "has no transcript of %s" % name)
    for name in sorted(used - names):
        wrong("PROTOCOL", "has a transcript of %s, which is no verb" % name)


# ---- manual pages

def test_protocol_page():
    page = "proto/smmq-protocol.7"
    for v in rows("verb"):
        text = entry(page, v["name"])
        if not text:
            wrong(page, "lacks the verb %s" % v["name"])
            continue
        usage = v["usage"].replace("{JSON}", "JSON")
        head = text.replace("[ ", "[")
        if v["help"] not in text:
            wrong(page, "%s does not say %r" % (v["name"], v["help"]))
        if "Level: %s." % v["level"] not in text:
            wrong(page, "%s does not say its level, %s" % (v["name"], v["level"]))
        for word in re.findall(r"[A-Za-z]+", usage)[1:]:
            if word not in head.split(v["help"])[0]:
                wrong(page, "%s does not show its usage, %s" % (v["name"], usage))
    for s in rows("status"):
        text = entry(page, s["word"])
        want = "Exit status %d; retryable: %s; safe to retry: %s." % (s["exit"], yes(s["retryable"]), yes(s["safe"]))
        if not text:
            wrong(page, "lacks the code %s" % s["word"])
        elif want not in text or s["help"] not in text:
            wrong(page, "%s does not say %r and %r" % (s["word"], s["help"], want))
    known = {v["name"] for v in rows("verb")}
    for word, _ in entries(page):
        if word.isupper() and len(word) > 2 and word not in known and not read(page).count(".Sh " + word):
            wrong(page, "has the verb %s, which there is none of" % word)
    states = squeeze(" ".join(flatten(line) for line in read(page).split("\n")))
    for state in rows("state"):
        if not re.search(r"\b%s\b" % state["name"], states):
            wrong(page, "lacks the state %s" % state["name"])


def default_of(option):
    """The default as documents write it: with the usual directories, whatever those of this build are."""
    paths = rows("paths")[0]
    value = option["fallback"]
    if value is None:
        return None
    for real, usual in ((paths["runstatedir"], "/run"), (paths["localstatedir"], "/var")):
        if value.startswith(real + "/"):
            return usual + value[len(real):]
    return value


def check_option(page, option, text):
    name, default = option["name"], default_of(option)
    if default is None:
        if "Default: not set" not in text and "required" not in text.lower():
            wrong(page, "%s= does not say that it is not set by default" % name)
    elif not re.search(r"Default: (\S.* else )?%s( ?[.;]|$)" % re.escape(default), text):
        wrong(page, "%s= does not say \"Default: %s\"" % (name, default))
    if option.get("min") and "from %s to %s" % (option["min"], option["max"]) not in text:
        wrong(page, "%s= does not say \"from %s to %s\"" % (name, option["min"], option["max"]))
    for word in option["words"]:
        if not re.search(r"\b%s\b" % re.escape(word), text):
            wrong(page, "%s= does not name %s" % (name, word))
    if "reloadable" in option:
        want = "A change is taken over at reload." if option["reloadable"] else "A change needs a restart."
        if want not in text:
            wrong(page, "%s= does not say %r" % (name, want))


def test_conf_page():
    page = "daemon/smmqd.conf.5"
    options = rows("option") + rows("platform_option")
    for option in options:
        text = entry(page, option["name"], option.get("platform"))
        if text:
            check_option(page, option, text)
        else:
            wrong(page, "lacks the option %s=" % option["name"])
    known = {o["name"] for o in options}
    for name in re.findall(r"^\.It Ic (\w+) Ns =", read(page), re.M):
        if name not in known:
            wrong(page, "has the option %s=, which there is none of" % name)
    for platform in rows("platform"):
        if not entry(page, platform["name"]):
            wrong(page, "lacks the platform %s" % platform["name"])


def test_daemon_page():
    page = "daemon/smmqd.8"
    for word in ("0", "64", "74", "78", "SIGTERM", "SIGHUP", "restored", "clock", "--check", "-c"):
        if not entry(page, word):
            wrong(page, "lacks an entry for %s" % word)


def command_sections(page, names):
    """The text of each command: from the heading that begins with its name to the next such heading."""
    sections, at = {}, None
    for word, text in entries(page):
        if word in names and word not in sections:
            at = word
            sections[at] = ""
        if at:
            sections[at] += " " + text
    return sections


def test_client_page():
    page, smmq = "client/smmq.1", os.environ["SMMQ"]
    out = subprocess.run([smmq, "help", "-j"], capture_output=True, text=True, check=True).stdout
    commands = [json.loads(line) for line in out.splitlines()]
    names = {c["command"] for c in commands}
    if len(names) < 10:
        wrong("smmq help -j", "names only %r" % sorted(names))
    sections = command_sections(page, names)
    whole = squeeze(" ".join(flatten(line) for line in read(page).split("\n")))
    for command in commands:
        text = sections.get(command["command"])
        if text is None:
            wrong(page, "has no heading that begins with %s" % command["command"])
            continue
        for option in command["options"]:
            flag = re.compile(r"--%s(?![\w-])" % re.escape(option["name"]))
            if not flag.search(text) and not ("smmq add" in text and flag.search(sections.get("add", ""))):
                wrong(page, "%s: does not tell of --%s" % (command["command"], option["name"]))
            if option["letter"] and not re.search(r"(?<![\w-])-%s(?![\w-])" % option["letter"], whole):
                wrong(page, "does not tell of -%s" % option["letter"])
    for option in commands[0]["common"]:
        if not re.search(r"--%s(?![\w-])" % re.escape(option["name"]), whole):
            wrong(page, "does not tell of --%s" % option["name"])
    for code in sorted({s["exit"] for s in rows("status")} | {124}):
        if not re.search(r"(?<!\d)%d(?!\d)" % code, whole):
            wrong(page, "does not tell of the exit status %d" % code)


def test_pages_are_well_formed():
    if not shutil.which("mandoc"):
        print("test_doc: mandoc is not installed: the form of the manual pages is not looked at")
        return
    for page in sorted([p for top in ("client", "daemon", "proto") for p in glob.glob(os.path.join(SRC, top, "*.[1578]"))]):
        p = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True)
        if p.returncode:
            wrong(page, "mandoc: " + p.stdout.strip())


# ---- samples

def sample_value(path, name):
    found = re.findall(r"^#?%s=(.*)$" % name, read(path), re.M)
    return found[0] if len(found) == 1 else None


def check_sample(path, options):
    known = {o["name"] for o in rows("option") + rows("platform_option")}
    for option in options:
        value, default = sample_value(path, option["name"]), default_of(option)
        if value is None:
            wrong(path, "has not exactly one line with %s=" % option["name"])
        elif default is not None and value != default:
            wrong(path, "shows %s=%s; the default is %s" % (option["name"], value, default))
        elif default is not None and "\n#%s=" % option["name"] not in read(path):
            wrong(path, "sets %s= instead of showing its default" % option["name"])
    for name in re.findall(r"^#?(\w+)=", read(path), re.M):
        if name not in known:
            wrong(path, "has the option %s=, which there is none of" % name)


def check_accepted(kind, path):
    """Every line counts when its '#' is taken away (groups alone: they need not exist here)."""
    groups = {o["name"] for o in rows("option") if o["group"]}
    lines = []
    for line in read(path).split("\n"):
        m = re.match(r"#?(\w+)=", line)
        lines.append(line.lstrip("#") if m and m.group(1) not in groups else line)
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
        f.write("\n".join(lines))
        f.flush()
        p = subprocess.run([os.environ["DUMP"], kind, f.name], capture_output=True, text=True)
        if p.returncode:
            wrong(path, "is not accepted: " + p.stderr.strip())


def test_daemon_sample():
    path = "units/sample/smmqd.conf"
    check_sample(path, [o for o in rows("option") if o["section"] == "Daemon"])
    check_accepted("daemon", path)
    if re.search(r"^[^#\[\n]", read(path), re.M):
        wrong(path, "sets something: a sample as it stands changes nothing")


def test_account_samples():
    for platform in rows("platform"):
        path = "units/sample/accounts.d/%s.conf.sample" % platform["name"]
        if not os.path.exists(os.path.join(SRC, path)):
            wrong(path, "is missing")
            continue
        check_sample(path, [o for o in rows("option") if o["section"] == "Account" and o["fallback"]] +
                     [o for o in rows("platform_option") if o["platform"] == platform["name"]])
        check_accepted("account", path)
        for key, name in (("needs_base_url", "BaseURL"), ("needs_directory", "Directory"), ("needs_credential", "Credential")):
            if platform[key] and not re.search(r"^%s=" % name, read(path), re.M):
                wrong(path, "lacks %s=, which the platform needs" % name)
        if not re.search(r"^Platform=%s$" % platform["name"], read(path), re.M):
            wrong(path, "lacks Platform=%s" % platform["name"])


# ---- README

def test_readme():
    text = read("README")
    for command in ("./bootstrap demo", "./bootstrap check"):
        if command not in text:
            wrong("README", "does not mention %s" % command)
    if "./bootstrap demo" in text and len(text.split("./bootstrap demo")[0].split("\n")) > 30:
        wrong("README", "the two commands come first")


def main():
    for name in ("DUMP", "SMMQ"):
        if not os.environ.get(name):
            sys.exit("test_doc: set %s; see the comment at the top" % name)
    out = subprocess.run([os.environ["DUMP"]], capture_output=True, text=True, check=True).stdout
    ROWS.extend(json.loads(line) for line in out.splitlines())
    failed = 0
    only = sys.argv[1:]
    for name, function in list(globals().items()):
        if not name.startswith("test_") or (only and name not in only):
            continue
        FINDINGS.clear()
        try:
            function()
        except (OSError, subprocess.CalledProcessError) as e:
            wrong(name, str(e))
        failed += bool(FINDINGS)
        print("%s %s" % ("not ok" if FINDINGS else "ok", name))
        for finding in FINDINGS:
            print("    " + finding)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
