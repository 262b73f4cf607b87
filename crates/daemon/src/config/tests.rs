//! Mistakes in files, with the lines they stand on; the defaults; the environment.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

use super::*;

fn lines(text: &str) -> Vec<String> {
    lines_under(text, &[])
}

fn lines_under(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    match parse(text, &variables) {
        Ok(_) => Vec::new(),
        Err(all) => all.iter().map(|mistake| format!("{} {}", mistake.place, mistake.what)).collect(),
    }
}

#[test]
fn an_empty_file_gives_the_defaults() {
    let checked = parse("", &Variables::new()).unwrap();
    assert_eq!(checked.warnings, []);
    let config = checked.config;
    assert_eq!(config.server.domain, "baton.local");
    assert_eq!(config.sip.listen.len(), 2);
    assert_eq!(config.media.rtp_ports, (16384, 32767));
    assert_eq!(config.media.codecs, [AudioCodec::Opus, AudioCodec::G722, AudioCodec::Pcmu, AudioCodec::Pcma]);
    assert_eq!(config.transfer.ring_timeout.as_secs(), 25);
    assert_eq!(config.transfer.codes.swap, "*4");
    assert!(config.agents.is_empty() && config.transfer.fallback.is_none());
}

#[test]
fn every_key_of_the_default_file_is_read() {
    let all = "[[agents]]\nname = \"a\"\npassword = \"x\"\n[[queues]]\nname = \"q\"\n[[rooms]]\nname = \"r\"\n\
               [[trunks]]\nname = \"t\"\naddress = \"127.0.0.1:1\"\n";
    let findings = Findings::default();
    read(all, &Variables::new(), &findings).unwrap();
    let asked = findings.asked.borrow().clone();
    let mut known = std::collections::BTreeSet::new();
    for section in default_tree().entries {
        let branches: Vec<(String, Branch)> = match &section.node.value {
            tree::Content::List(items) => {
                items.iter().map(|item| (section.key.clone(), table(item).unwrap())).collect()
            }
            _ => vec![(section.key.clone(), table(&section.node).unwrap())],
        };
        for (name, branch) in branches {
            for entry in branch.entries {
                let below = table(&entry.node).map(|below| below.entries).unwrap_or_default();
                if below.is_empty() {
                    known.insert(format!("{name}.{}", entry.key));
                }
                known.extend(below.iter().map(|below| format!("{name}.{}.{}", entry.key, below.key)));
            }
        }
    }
    assert_eq!(asked, known);
}

fn table(node: &tree::Node) -> Option<Branch> {
    let tree::Content::Table(branch) = &node.value else { return None };
    Some(branch.clone())
}

#[test]
fn every_key_of_the_default_file_has_a_comment_above_it() {
    let mut explained = false;
    let mut group = false;
    for line in DEFAULTS.lines() {
        match line.trim() {
            "" => (explained, group) = (false, false),
            line if line.starts_with('#') => explained = true,
            line if line.starts_with('[') => (explained, group) = (false, false),
            line => {
                // keys that belong together share the comment above the first
                let pair = ["private_key", "password", "burst"].iter().any(|key| line.starts_with(key));
                assert!(explained || (group && pair), "no comment above: {line}");
                (explained, group) = (false, true);
            }
        }
    }
}

#[test]
fn the_demo_set_up_has_no_mistake() {
    let demo = include_str!("../../../../config/baton.toml");
    let checked = parse(demo, &Variables::new()).unwrap();
    let names: Vec<&str> = checked.config.agents.iter().map(|agent| agent.name.0.as_str()).collect();
    assert_eq!(names, ["alice", "bob", "carol"]);
    assert_eq!(checked.config.transfer.fallback, Some(Target::Queue("support".to_owned())));
    assert_eq!(checked.config.trunks[0].numbers.len(), 3);
    let warned: Vec<&str> = checked.warnings.iter().map(|warning| warning.what.as_str()).collect();
    assert!(warned.iter().any(|what| what.ends_with("alice, bob, carol")), "{warned:?}");
}

/// The example of the contract, whole: every key that outside set-ups rely on.
#[test]
fn the_file_of_the_contract_has_no_mistake() {
    let text = include_str!("tests/contract.toml");
    assert_eq!(lines(text), Vec::<String>::new());
}

#[test]
fn all_mistakes_are_named_in_one_go_with_line_and_column() {
    let text = include_str!("tests/mistakes.toml");
    let expected: Vec<&str> = include_str!("tests/mistakes.txt").lines().collect();
    let found = lines(text);
    assert_eq!(found, expected, "\n{}", found.join("\n"));
}

#[test]
fn text_that_is_no_toml_is_named_by_line_and_column() {
    let found = lines("[server]\ndomain = \"a\"\ndomain = \"b\"\n");
    assert_eq!(found, ["3:1 this is not TOML: duplicate key"]);
    let found = lines("[server\n");
    assert!(found[0].starts_with("1:8 this is not TOML: "), "{found:?}");
}

#[test]
fn the_environment_overrides_the_file_and_is_checked_like_it() {
    let text = "[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n[[agents]]\nname = \"alice\"\npassword = \"x1y2z3\"\n";
    let variables: Variables = [
        ("BATON_SIP__LISTEN", "udp:127.0.0.9:5070, tcp:127.0.0.9:5071"),
        ("BATON_MEDIA__RTP_PORTS", "20000,20100"),
        ("BATON_TRANSFER__RING_TIMEOUT_S", "7"),
        ("BATON_TRANSFER__SUPERVISE_CONSULTS", "true"),
        ("BATON_TRANSFER__CODES__SWAP", "*9"),
        ("BATON_AGENTS__ALICE__PASSWORD", "from-outside"),
        ("BATON_AGENTS__0__EXTENSION", "555"),
        ("BATON_HOME", "not a setting of ours"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let config = parse(text, &variables).unwrap().config;
    assert_eq!(config.sip.listen[1].1, "127.0.0.9:5071".parse().unwrap());
    assert_eq!(config.media.rtp_ports, (20000, 20100));
    assert_eq!(config.transfer.ring_timeout.as_secs(), 7);
    assert!(config.transfer.supervise_consults);
    assert_eq!(config.transfer.codes.swap, "*9");
    assert_eq!(config.agents[0].password.0, "from-outside");
    assert_eq!(config.agents[0].extension, "555");

    let found = lines_under(
        "",
        &[
            ("BATON_SIP__LISTEN", "udp:nowhere"),
            ("BATON_SIP__LISTNE", "x"),
            ("BATON_TRANSFER__RECALL_S", "soon"),
            ("BATON_AGENTS__DAVE__PASSWORD", "x"),
        ],
    );
    assert_eq!(
        found,
        [
            "BATON_AGENTS__DAVE__PASSWORD the file has no [[agents]] dave",
            "BATON_SIP__LISTEN sip.listen must be ADDRESS:PORT with a numeric address (IPv6 in brackets), not \"nowhere\"",
            "BATON_SIP__LISTNE names no key of ours: listne; did you mean LISTEN?",
            "BATON_TRANSFER__RECALL_S must be a whole number, not \"soon\"",
        ]
    );
}

#[test]
fn queues_and_rooms_are_read_whole() {
    let text = "[[agents]]\nname = \"a\"\npassword = \"x1y2z3\"\nskills = { german = 8 }\n\
                [[queues]]\nname = \"q\"\nstrategy = \"skills\"\nskills = { german = 5 }\nmax_wait_s = 90\n\
                when_empty = \"overflow\"\noverflow = \"agent:a\"\npriority = 7\nposition_every_s = 0\n\
                hours = [\"mon-fri 09:00-17:00\"]\ntimezone = \"Europe/Berlin\"\n\
                [[rooms]]\nname = \"r\"\npin = \"0815\"\ntones = false\n";
    let config = from_text(text).unwrap();
    let queue = &config.queues[0];
    assert_eq!(queue.strategy, conference::Strategy::Skills);
    assert_eq!((queue.skills["german"], config.agents[0].skills["german"]), (5, 8));
    assert_eq!((queue.max_wait.as_secs(), queue.position_every.as_secs(), queue.priority), (90, 0, 7));
    assert_eq!((queue.max_length, queue.wait_when_empty, queue.hours.is_some()), (1000, false, true));
    assert_eq!(queue.overflow, Some(Target::Agent(conference::AgentName("a".to_owned()))));
    assert_eq!((config.rooms[0].pin.as_str(), config.rooms[0].tones), ("0815", false));
}

#[test]
fn a_text_that_names_no_place_has_one_of_its_own_that_leaves_nothing_behind() {
    let (one, other) = (from_text("").unwrap(), from_text("").unwrap());
    assert_ne!(one.server.data_dir, other.server.data_dir);
    assert_eq!(one.http.listen.port(), 0);
    let folder = one.server.data_dir.clone();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("file"), "x").unwrap();
    let clone = one.clone();
    drop(one);
    assert!(folder.exists());
    drop(clone);
    assert!(!folder.exists());
}

#[test]
fn passwords_are_never_shown() {
    let text = "[[agents]]\nname = \"alice\"\npassword = \"hunter2-hunter2\"\n[[trunks]]\nname = \"t\"\n\
                address = \"127.0.0.1:1\"\nuser = \"u\"\npassword = \"carrier-password\"\n";
    let shown = format!("{:?}", from_text(text).unwrap());
    assert!(!shown.contains("hunter2") && !shown.contains("carrier-password"), "{shown}");
    // nor in a complaint about them
    let found = lines("[[agents]]\nname = \"a\"\npassword = [\"hunter2\"]\n").join("\n");
    assert!(found.contains("3:12 agents[0].password must be a string, not a list"), "{found}");
    assert!(!found.contains("hunter2"), "{found}");
}

#[test]
fn a_password_file_is_read_and_a_missing_one_is_named() {
    let path = std::env::temp_dir().join(format!("baton-password-{}", std::process::id()));
    std::fs::write(&path, "from-a-file\n").unwrap();
    let text = format!("[[agents]]\nname = \"a\"\npassword_file = \"{}\"\n", path.display());
    let config = from_text(&text).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(config.agents[0].password.0, "from-a-file");
    let found = lines(&text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("3:17 agents[0].password_file cannot be read: "), "{found:?}");
}

#[test]
fn a_file_of_secrets_that_everybody_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("baton-open-{}.toml", std::process::id()));
    std::fs::write(&path, "[[agents]]\nname = \"a\"\npassword = \"long and secret\"\n").unwrap();
    let warnings = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        load(&path, &Variables::new()).unwrap().warnings
    };
    let (open, closed) = (warnings(0o644), warnings(0o640));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(open.len(), 1);
    assert!(open[0].what.contains("chmod 640"));
    assert_eq!(closed, []);
}

#[test]
fn a_file_that_is_missing_is_one_clear_line() {
    let error = load(Path::new("/nowhere/baton.toml"), &Variables::new()).unwrap_err().to_string();
    assert_eq!(error, "/nowhere/baton.toml: cannot be read: No such file or directory (os error 2)");
}

#[test]
fn origins_rates_and_retention_are_read_and_every_mistake_has_its_place() {
    let good = "[server]\nretention_days = 90\n[http]\norigins = [\"https://desk.example\", \"http://[::1]:3000\"]\n\
                trusted_proxies = [\"127.0.0.1\", \"::1\"]\nrate_per_s = 7\nburst = 9\n";
    let config = parse(good, &Variables::new()).unwrap().config;
    assert_eq!(config.server.retention_days, 90);
    assert_eq!(config.http.origins, ["https://desk.example", "http://[::1]:3000"]);
    assert_eq!(config.http.trusted_proxies.len(), 2);
    assert_eq!((config.http.rate_per_s, config.http.burst), (7, 9));
    let found = lines("[http]\ntrusted_proxies = [\"::1\", \"proxy.example\"]\n");
    assert!(found.len() == 1 && found[0].starts_with("2:27 http.trusted_proxies"), "{found:?}");
    for wrong in
        ["desk.example", "https://", "https://Desk.example", "https://desk.example/", "https://desk.example:443", "*"]
    {
        let found = lines(&format!("[http]\norigins = [\"https://a.example\", \"{wrong}\"]\n"));
        assert!(found.len() == 1 && found[0].starts_with("2:33 http.origins"), "{wrong}: {found:?}");
    }
    let found = lines("[server]\nretention_days = -1\n[http]\nrate_per_s = 0\nburst = 1000001\n");
    assert_eq!(
        found,
        [
            "2:18 server.retention_days must be from 0 to 36500, not -1",
            "4:14 http.rate_per_s must be from 1 to 1000000, not 0",
            "5:9 http.burst must be from 1 to 1000000, not 1000001"
        ]
    );
}

#[test]
fn origins_rates_and_retention_can_be_set_by_the_environment() {
    let said = [
        ("BATON_SERVER__RETENTION_DAYS", "30"),
        ("BATON_HTTP__ORIGINS", "https://a.example, https://b.example:8443"),
        ("BATON_HTTP__RATE_PER_S", "11"),
        ("BATON_HTTP__BURST", "12"),
    ];
    let variables = said.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let config = parse("", &variables).unwrap().config;
    assert_eq!(config.server.retention_days, 30);
    assert_eq!(config.http.origins, ["https://a.example", "https://b.example:8443"]);
    assert_eq!((config.http.rate_per_s, config.http.burst), (11, 12));
    let found = lines_under("", &[("BATON_HTTP__BURST", "0")]);
    assert!(found.len() == 1 && found[0].contains("BATON_HTTP__BURST"), "{found:?}");
}

#[test]
fn what_others_are_told_of_where_we_are_is_checked() {
    let warned = |text: &str| {
        let checked = parse(text, &Variables::new()).unwrap();
        checked.warnings.iter().map(|warning| warning.what.clone()).collect::<Vec<_>>()
    };
    let none: Vec<String> = Vec::new();
    assert_eq!(warned("[server]\nlocal_networks = [\"10.1.0.0/16\", \"fd00::/8\", \"192.0.2.7\"]\n"), none);
    let odd = warned("[server]\nlocal_networks = [\"10.1.2.3/16\", \"fd00::1/8\"]\n");
    assert_eq!(odd.len(), 2, "{odd:?}");
    assert!(odd[0].ends_with("which means 10.1.0.0/16") && odd[1].ends_with("which means fd00::/8"), "{odd:?}");
    let six = warned("[sip]\nexternal_address = \"2001:db8::1\"\n");
    assert!(six.len() == 1 && six[0].contains("no IPv6 address"), "{six:?}");
    assert_eq!(warned("[sip]\nexternal_address = \"198.51.100.1\"\n"), none);
    for nowhere in ["0.0.0.0", "::", "224.0.0.1"] {
        let found = lines(&format!("[sip]\nexternal_address = \"{nowhere}\"\n"));
        assert!(found.len() == 1 && found[0].contains("must be an address that others can send to"), "{found:?}");
    }
    assert_eq!(lines("[server]\nlocal_networks = [\"10.0.0.0/33\"]\n").len(), 1);
}

/// A trunk that none of our listeners can reach, or that would have no sound, is named with its line, and nobody else.
#[test]
fn a_trunk_that_no_listener_reaches_is_a_mistake() {
    let said = |listen: &str, media: &str, address: &str| {
        lines(&format!(
            "[sip]\nlisten = [{listen}]\n[media]\naddress = \"127.0.0.1\"\n{media}\n[[trunks]]\nname = \"pstn\"\naddress = \"{address}\"\n"
        ))
    };
    let (four, six) = ("\"udp:127.0.0.1:5060\"", "\"udp:[::1]:5060\"");
    let v6 = "address_v6 = \"::1\"";
    for (listen, media, address, expected) in [
        (four, "", "[2001:db8::9]:5060", "is reached by no listener, which needs a udp: address of IPv6 in sip.listen"),
        (four, "", "tcp:192.0.2.9:5060", "is reached by no listener, which needs a tcp: address of IPv4 in sip.listen"),
        (four, "", "tcp:sip.carrier.example", "is reached by no listener, which needs a tcp: address in sip.listen"),
        (six, v6, "192.0.2.9:5060", "is reached by no listener, which needs a udp: address of IPv4 in sip.listen"),
        (six, "", "[2001:db8::9]:5060", "is an IPv6 address, and media.address_v6 is none"),
    ] {
        let said = said(listen, media, address);
        let found: Vec<_> = said.iter().filter(|line| line.contains("trunks[0].address")).collect();
        assert!(found.len() == 1 && found[0].contains(expected), "{expected}: {said:?}");
    }
    for (listen, media, address) in
        [(four, "", "192.0.2.9:5060"), (four, "", "sip.carrier.example"), (six, v6, "[2001:db8::9]:5060")]
    {
        let said = said(listen, media, address);
        assert!(!said.iter().any(|line| line.contains("trunks[0].address")), "{said:?}");
    }
}
