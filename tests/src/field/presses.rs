//! What is pressed while a call is up: hold, resume, Transfer, keys, on-hook; and what the phone is told of it.

use super::*;

impl FieldPhone {
    /// Sends an offer in a dialog (`hold`, `resume` or what the fixture has) until it is taken.
    pub async fn offers(&self, line: &mut FieldLine, section: &str) -> Message {
        for _ in 0..OFFERS {
            let answer = self.offers_once(line, section).await;
            if answer.status() != Some(491) {
                return answer;
            }
            // RFC 3261 §14.1: who did not make the Call-ID waits up to two seconds
            tokio::time::sleep(Duration::from_millis(130)).await;
        }
        panic!("{section}: 491 again and again");
    }

    /// Sends an offer in a dialog once.
    pub async fn offers_once(&self, line: &mut FieldLine, section: &str) -> Message {
        self.side(&line.dialog, |side| side.offering = true);
        let gaps = self.gaps(line.port);
        let answer = self.ask(&mut line.dialog, section, &gaps).await;
        let offered = self.fixture.fill(section, &self.complete(&line.dialog, &gaps));
        let offered = offered.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
        self.side(&line.dialog, |side| {
            side.offering = false;
            if answer.status() == Some(200) {
                side.description = offered;
            }
        });
        answer
    }

    /// Holds a line: nothing may be answered but 200, and never `sendrecv`.
    pub async fn holds(&self, line: &mut FieldLine) {
        let answer = self.offers(line, "hold").await;
        assert_eq!(answer.status(), Some(200), "{answer:?}");
        assert!(answer.body.contains("a=recvonly") || answer.body.contains("a=inactive"), "a hold: {answer:?}");
    }

    /// Takes a line back from hold.
    pub async fn resumes(&self, line: &mut FieldLine) {
        let answer = self.offers(line, "resume").await;
        assert_eq!(answer.status(), Some(200), "{answer:?}");
    }

    /// REFER with Replaces in `line`, naming `other`, by a section of the fixture; the answer's status.
    pub async fn refers(&self, line: &mut FieldLine, section: &str, other: &FieldLine) -> Message {
        self.refers_naming(line, section, &other.dialog).await
    }

    /// As [`FieldPhone::refers`]; the other dialog may be early.
    pub async fn refers_naming(&self, line: &mut FieldLine, section: &str, other: &Dialog) -> Message {
        let gaps = naming(other);
        self.ask(&mut line.dialog, section, &gaps).await
    }

    /// REFER without Replaces (`blind` of the fixture) to somebody dialled.
    pub async fn refers_to(&self, line: &mut FieldLine, dialled: &str) -> Message {
        let gaps = Gaps::from([("dialled", dialled.to_owned())]);
        self.ask(&mut line.dialog, "blind", &gaps).await
    }

    /// Keys a digit by INFO.
    pub async fn keys(&self, line: &mut FieldLine, digits: &str) {
        for digit in digits.chars() {
            let gaps = Gaps::from([("digit", digit.to_string())]);
            let answer = self.ask(&mut line.dialog, "key", &gaps).await;
            assert_eq!(answer.status(), Some(200), "{answer:?}");
        }
    }

    /// Waits for a NOTIFY in a line's dialog and returns the status in it and whether the subscription ends with it.
    pub async fn is_notified(&self, line: &FieldLine) -> (u16, bool) {
        let notify = self.notify(line, "a NOTIFY", |_| true).await;
        read_notify(&notify)
    }

    /// Waits for the last NOTIFY in a line's dialog and returns the status in it.
    pub async fn is_told(&self, line: &FieldLine) -> u16 {
        let last = |message: &Message| message.need("Subscription-State").starts_with("terminated");
        read_notify(&self.notify(line, "the last NOTIFY", last).await).0
    }

    /// The next NOTIFY of a line that is so.
    pub async fn notify(&self, line: &FieldLine, what: &str, so: impl Fn(&Message) -> bool) -> Message {
        let id = line.dialog.call_id.as_str();
        let found = |message: &Message| {
            message.method() == Some("NOTIFY") && message.header("Call-ID") == Some(id) && so(message)
        };
        self.next_that(LIMIT, what, found).await
    }

    /// Hangs up. Where the server's BYE crosses ours that is answered 481, which no phone minds.
    pub async fn hangs_up(&self, line: &mut FieldLine) {
        self.side(&line.dialog, |side| side.over = true);
        let answer = self.ask(&mut line.dialog, "bye", &Gaps::new()).await;
        assert!(matches!(answer.status(), Some(200 | 481)), "{answer:?}");
    }

    /// Sends the BYE and does not wait.
    pub async fn says_bye(&self, line: &mut FieldLine) {
        self.side(&line.dialog, |side| side.over = true);
        self.send(&mut line.dialog, "bye", &Gaps::new()).await;
    }

    /// Waits for the server's BYE in a line's dialog.
    pub async fn is_let_go(&self, line: &FieldLine) {
        self.is_let_go_within(line, LIMIT).await;
    }

    /// Waits for the server's BYE in a line's dialog.
    pub async fn is_let_go_within(&self, line: &FieldLine, limit: Duration) {
        let id = line.dialog.call_id.as_str();
        let bye = |message: &Message| message.method() == Some("BYE") && message.header("Call-ID") == Some(id);
        self.next_that(limit, "a BYE", bye).await;
    }

    /// Whether a line is over by either side's BYE.
    #[must_use]
    pub fn is_over(&self, line: &FieldLine) -> bool {
        self.memory().sides.get(&line.dialog.call_id).is_none_or(|side| side.over)
    }
}
