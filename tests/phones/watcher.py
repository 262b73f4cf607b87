#!/usr/bin/env python3
"""Reads what a watcher is sent, with a parser that shares nothing with Baton, and keeps what a watcher knows.

In:  one document a line, as a JSON string
Out: what is known after it, as one line of JSON: version, extent, and `users` or `dialogs` by their keys
     | {"wrong": why}

Each document is held against the schemas of RFC 4575 and RFC 4235 §4.4 (required attributes, order of elements, words of
enumerations) and put to what came before by RFC 4575 §4.6 and RFC 4235 §4.3.
"""

import json
import sys
import xml.etree.ElementTree as ElementTree

CONFERENCE = "{urn:ietf:params:xml:ns:conference-info}"
DIALOG = "{urn:ietf:params:xml:ns:dialog-info}"
# Elements in their order (xs:sequence), and attributes that must be there.
ORDER = {
    "conference-info": ("conference-description host-info conference-state users sidebars-by-ref sidebars-by-val", "entity"),
    "conference-description": (
        "display-text subject free-text keywords conf-uris service-uris maximum-user-count available-media", ""),
    "conference-state": ("user-count active locked", ""),
    "users": ("user", ""),
    "user": ("display-text associated-aors roles languages cascaded-focus endpoint", ""),
    "roles": ("entry", ""),
    "endpoint": (
        "display-text referred status joining-method joining-info disconnection-method disconnection-info media call-info",
        ""),
    "media": ("display-text type label src-id status", "id"),
    "dialog-info": ("dialog", "version state entity"),
    "dialog": ("state duration replaces referred-by local remote", "id"),
    "local": ("identity target session-description cseq", ""),
    "remote": ("identity target session-description cseq", ""),
    "target": ("param", "uri"),
    "param": ("", "pname pval"),
}
LEAVES = "display-text subject maximum-user-count user-count active locked entry status joining-method type state identity"
MANY = {"user", "endpoint", "media", "entry", "dialog", "param"}
WORDS = {
    ("endpoint", "status"):
        "pending dialing-out dialing-in alerting on-hold connected muted-via-focus disconnecting disconnected",
    ("endpoint", "joining-method"): "dialed-in dialed-out focus-owner",
    ("media", "status"): "recvonly sendonly sendrecv inactive",
    ("dialog", "state"): "trying proceeding early confirmed terminated",
    ("conference-state", "active"): "true false",
    ("conference-state", "locked"): "true false",
}


def judge(element, space):
    name = element.tag.removeprefix(space)
    if name in ORDER:
        order, needed = (words.split() for words in ORDER[name])
        missing = [word for word in needed if word not in element.attrib]
        assert not missing, f"<{name}> without {missing}"
        names = [child.tag.removeprefix(space) for child in element]
        places = [order.index(child) for child in names]
        assert places == sorted(places), f"<{name}> in disorder: {names}"
        for child in set(names) - MANY:
            assert names.count(child) == 1, f"<{name}> with several <{child}>"
        assert not (element.text or "").strip(), f"text in <{name}>"
    else:
        assert name in LEAVES.split(), f"unknown <{name}>"
        assert len(element) == 0, f"elements in <{name}>"
    assert element.get("state", "full") in ("full", "partial", "deleted"), f"state of <{name}>"
    for child in element:
        words = WORDS.get((name, child.tag.removeprefix(space)))
        assert words is None or child.text in words.split(), f"<{child.tag}> says {child.text}"
        judge(child, space)
    if name == "dialog":
        assert names[:1] == ["state"], "a dialog without its state"
        assert element.get("direction") in ("initiator", "recipient", None)


def user(element):
    endpoints = element.findall(f"{CONFERENCE}endpoint")
    return {
        "shown": element.findtext(f"{CONFERENCE}display-text"),
        "role": element.findtext(f"{CONFERENCE}roles/{CONFERENCE}entry"),
        "status": [endpoint.findtext(f"{CONFERENCE}status") for endpoint in endpoints],
        "media": [endpoint.findtext(f"{CONFERENCE}media/{CONFERENCE}status") for endpoint in endpoints],
    }


def dialog(element):
    rendering = element.find(f"{DIALOG}local/{DIALOG}target/{DIALOG}param[@pname='+sip.rendering']")
    return {
        "state": element.findtext(f"{DIALOG}state"),
        "direction": element.get("direction"),
        "remote": element.findtext(f"{DIALOG}remote/{DIALOG}identity"),
        "held": rendering is not None and rendering.get("pval") == "no",
    }


def after_conference(root, known):
    extent = root.get("state", "full")
    now = dict(known, users=dict(known.get("users", {}))) if extent == "partial" else {"users": {}}
    state = root.find(f"{CONFERENCE}conference-state")
    if state is not None:
        now["count"] = int(state.findtext(f"{CONFERENCE}user-count"))
        now["locked"] = state.findtext(f"{CONFERENCE}locked") == "true"
    users = root.find(f"{CONFERENCE}users")
    if users is not None and users.get("state", "full") == "full":
        now["users"] = {}
    for element in users if users is not None else ():
        if element.get("state", "full") == "deleted":
            assert now["users"].pop(element.get("entity"), None) is not None, "somebody unknown has left"
        else:
            now["users"][element.get("entity")] = user(element)
    if extent != "deleted":
        assert now.get("count") == len(now["users"]), f"user-count {now.get('count')}, known {sorted(now['users'])}"
    return now


def after_dialogs(root, known):
    now = {"dialogs": dict(known.get("dialogs", {})) if root.get("state") == "partial" else {}}
    now["dialogs"] = {key: one for key, one in now["dialogs"].items() if one["state"] != "terminated"}
    for element in root:
        now["dialogs"][element.get("id")] = dialog(element)
    return now


def read(document, known):
    root = ElementTree.fromstring(document)
    space = root.tag.partition("}")[0] + "}"
    assert space in (CONFERENCE, DIALOG), root.tag
    judge(root, space)
    version = int(root.get("version"))
    if known:
        assert version == known["version"] + 1, f"version {version} after {known['version']}"
        assert root.get("entity") == known["entity"], "another entity"
    else:
        assert root.get("state") != "partial", "the first document is partial"
    now = (after_conference if space == CONFERENCE else after_dialogs)(root, known)
    return dict(now, version=version, entity=root.get("entity"), extent=root.get("state"))


def main():
    known = {}
    for line in sys.stdin:
        try:
            known = read(json.loads(line), known)
            print(json.dumps(known), flush=True)
        except (AssertionError, ValueError, ElementTree.ParseError) as why:
            print(json.dumps({"wrong": str(why)}), flush=True)


main()
