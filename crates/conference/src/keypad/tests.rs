//! Keys one by one: what is held back, for how long, and what becomes of it.

use super::*;

struct Phone {
    keypad: Keypad,
    settings: TransferSettings,
    now: Moment,
    transferring: bool,
    bereft: bool,
}

fn phone() -> Phone {
    let settings = TransferSettings::default();
    Phone { keypad: Keypad::default(), settings, now: Moment(1_000_000), transferring: false, bereft: false }
}

impl Phone {
    fn press(&mut self, keys: &str) -> Vec<Said> {
        let around = Surroundings { settings: &self.settings, transferring: self.transferring, bereft: self.bereft };
        let pressed = keys.chars().map(|digit| Key { digit, duration_ms: 80 });
        pressed.flat_map(|key| self.keypad.press(self.now, key, around)).collect()
    }

    fn wait(&mut self, ms: u64) -> String {
        self.now = self.now + Duration::from_millis(ms);
        text(&self.keypad.expire(self.now, &self.settings.codes))
    }
}

fn text(keys: &[Key]) -> String {
    keys.iter().map(|key| key.digit).collect()
}

fn relayed(said: &[Said]) -> String {
    said.iter().map(|said| if let Said::Relay(keys) = said { text(keys) } else { "?".to_owned() }).collect()
}

#[test]
fn digits_that_begin_no_code_pass_at_once() {
    let mut phone = phone();
    assert_eq!(relayed(&phone.press("0123456789#ABCD")), "0123456789#ABCD");
    assert_eq!(phone.keypad, Keypad::default());
}

#[test]
fn digits_that_go_on_with_no_code_pass_at_once_with_those_before_them() {
    let mut phone = phone();
    assert_eq!(phone.press("*"), []);
    assert_eq!(relayed(&phone.press("7")), "*7");
    assert_eq!(relayed(&phone.press("**1")), "*?", "the second star begins the code anew");
}

#[test]
fn a_beginning_waits_for_the_time_out_and_no_longer() {
    let mut phone = phone();
    assert_eq!(phone.press("*"), []);
    assert_eq!(phone.keypad.deadline(), Some(Moment(2_500_000)));
    assert_eq!(phone.wait(1499), "");
    assert_eq!(phone.wait(1), "*");
    assert_eq!(phone.keypad, Keypad::default());
}

#[test]
fn whole_codes_are_told_and_never_relayed() {
    let mut phone = phone();
    assert_eq!(phone.press("*1"), [Said::Code(Code::Cancel)]);
    assert_eq!(phone.press("*3"), [Said::Code(Code::Merge)]);
    assert_eq!(phone.press("*4"), [Said::Code(Code::Swap)]);
    phone.transferring = true;
    assert_eq!(phone.press("*2"), [Said::Code(Code::Complete)]);
    assert_eq!(phone.wait(60_000), "");
}

#[test]
fn a_number_has_five_seconds_for_each_digit() {
    let mut phone = phone();
    for keys in ["*2", "1", "0", "1"] {
        assert_eq!(phone.press(keys), []);
        assert_eq!(phone.wait(4_999), "");
    }
    assert_eq!(phone.press("#"), [Said::Dial("101".to_owned())]);
    phone.press("*2101");
    assert_eq!(phone.wait(5_000), "*2101", "no hash: no code");
}

#[test]
fn a_number_must_have_digits_and_not_too_many() {
    let mut phone = phone();
    assert_eq!(relayed(&phone.press("*2#")), "*2#");
    let longest = "7".repeat(LONGEST_NUMBER);
    assert_eq!(phone.press(&format!("*2{longest}")), []);
    assert_eq!(relayed(&phone.press("7")), format!("*2{longest}7"));
    assert_eq!(phone.press(&format!("*2{longest}#")), [Said::Dial(longest)]);
    assert_eq!(relayed(&phone.press("*210*1")), "*210?", "a star ends the number and begins a code");
}

#[test]
fn after_a_transfer_that_ended_by_itself_the_code_alone_is_a_tone_and_nothing_else() {
    let mut phone = phone();
    phone.bereft = true;
    assert_eq!(phone.press("*2"), [Said::Warn]);
    assert_eq!(phone.wait(5_000), "", "not relayed either");
    assert_eq!(phone.press("*2101#"), [Said::Warn, Said::Dial("101".to_owned())]);
    assert_eq!(
        phone.press("*2*2101#"),
        [Said::Warn, Said::Warn, Said::Dial("101".to_owned())],
        "nor before another code"
    );
    assert_eq!(relayed(&phone.press("*27*7")[1..]), "*27*7", "with digits after it, it is digits like any other");
    phone.bereft = false;
    phone.press("*2");
    assert_eq!(phone.wait(5_000), "*2");
}

#[test]
fn start_and_complete_may_have_codes_of_their_own_and_an_empty_code_is_off() {
    let mut phone = phone();
    phone.settings.codes.start = "##".to_owned();
    phone.settings.codes.merge = String::new();
    assert_eq!(phone.press("*2"), [Said::Code(Code::Complete)]);
    assert_eq!(phone.press("##102#"), [Said::Dial("102".to_owned())]);
    assert_eq!(relayed(&phone.press("*3")), "*3");
    phone.settings.codes.start = String::new();
    phone.settings.codes.complete = String::new();
    assert_eq!(relayed(&phone.press("*25")), "*25");
}

#[test]
fn the_dial_plans_answer_is_taken_once_and_for_the_number_asked() {
    let mut phone = phone();
    phone.press("*2101#");
    assert!(!phone.keypad.found("102"));
    assert!(phone.keypad.found("101"));
    assert!(!phone.keypad.found("101"));
}

#[test]
fn each_key_keeps_its_own_duration() {
    let mut phone = phone();
    let around = Surroundings { settings: &phone.settings, transferring: false, bereft: false };
    let long = Key { digit: '*', duration_ms: 700 };
    let short = Key { digit: '9', duration_ms: 40 };
    assert_eq!(phone.keypad.press(phone.now, long, around), []);
    assert_eq!(phone.keypad.press(phone.now, short, around), [Said::Relay(vec![long, short])]);
}
