//! What a reload leaves as it was: whatever sockets and the mixer are started with. A certificate is replaced where there was one.

use crate::config::{Config, Server};

/// The sections, and the one key of another, that are new but need a new start, in the order of the file.
pub(crate) fn changed(started: &Config, now: &Config) -> Vec<&'static str> {
    [
        (
            "[server]",
            Server { retention_days: 0, ..started.server.clone() }
                != Server { retention_days: 0, ..now.server.clone() },
        ),
        ("[sip]", started.sip != now.sip || started.identity.is_some() != now.identity.is_some()),
        ("[media]", started.media != now.media),
        (
            "[http]",
            (&started.http.listen, started.http.secure, &started.http.admin_token_file)
                != (&now.http.listen, now.http.secure, &now.http.admin_token_file),
        ),
        ("transfer.tail_guard_ms", started.transfer.tail_guard != now.transfer.tail_guard),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::config::from_text;

    #[test]
    fn only_what_needs_a_new_start_is_named_and_each_section_once() {
        let config = |text: &str| from_text(text).unwrap();
        let started = config("[server]\ndomain = \"a.test\"\ndata_dir = \"d\"\n");
        assert!(changed(&started, &started.clone()).is_empty());
        let people = config(
            "[server]\ndomain = \"a.test\"\ndata_dir = \"d\"\nretention_days = 30\n\
             [http]\norigins = [\"https://desk.test\"]\nrate_per_s = 7\nburst = 9\n[transfer]\nrecall_s = 9\n",
        );
        assert!(changed(&started, &people).is_empty());
        let all = "[server]\ndomain = \"b.test\"\n[sip]\nkeep_alive_s = 11\nban_loopback = true\n\
                   [media]\nworkers = 3\n[http]\nlisten = \"127.0.0.1:1\"\n[transfer]\ntail_guard_ms = 250\n";
        assert_eq!(
            changed(&started, &config(all)),
            ["[server]", "[sip]", "[media]", "[http]", "transfer.tail_guard_ms"]
        );
    }
}
