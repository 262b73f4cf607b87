//! New settings of a queue while people wait in it: its hours and its music. That the clock alone opens and closes a queue is shown
//! in the core's own tests, in virtual time.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use baton_tests::desk::{Answer, Desk};
use baton_tests::hearing::{Listener, never_heard, they_talk, until_heard};
use baton_tests::house::{House, SUPPORTS_NUMBER, Setup, tones};
use baton_tests::people::{Person, SOON};
use baton_tests::stage::scene;
use serde_json::json;
use softphone::{LineId, LineState, Mark};

use super::{QUIET, until_queue};

/// Writes the settings file with these lines of the queue, and has it read.
async fn reloaded(house: &House, queue: String) -> Answer {
    // a setup lives as long as the program
    drop(house.settings(&Setup { queue: queue.leak(), ..QUIET }));
    Desk::operator(house).post("/v1/reload", json!({})).await
}

/// A day of the week that is neither today nor beside it, wherever the clock is: closed now, and not about to open.
fn another_day() -> &'static str {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is set");
    // 1970-01-01 was a Thursday; three days on from then
    let days = usize::try_from(since.as_secs() / 86_400).expect("some thousands");
    ["thu", "fri", "sat", "sun", "mon", "tue", "wed"][(days + 3) % 7]
}

/// Open at these hours; whoever may not wait goes to Carol.
fn open_at(hours: &str) -> String {
    format!("position_every_s = 0\noverflow = \"agent:carol\"\nhours = [\"{hours}\"]\ntimezone = \"UTC\"")
}

/// A pure tone as a file of music: one second, 8 kHz, as loud as hold music.
fn tone_file(house: &House, hertz: f64) -> PathBuf {
    let path = house.data().join(format!("{hertz}.wav"));
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(&path, spec).expect("a file");
    for index in 0..8_000_u16 {
        let turn = std::f64::consts::TAU * hertz * f64::from(index) / 8_000.0;
        file.write_sample((turn.sin() * 0.15 * f64::from(i16::MAX)) as i16).expect("room on the disk");
    }
    file.finalize().expect("room on the disk");
    path
}

/// Nobody's voice: the lowest tone of a scene is above it.
const FIRST: f64 = 1_000.0;
const SECOND: f64 = 1_500.0;

async fn hears_music_of(who: &Person, line: LineId, hertz: f64) {
    let ear = who.ear(line);
    assert!(until_heard(&ear, hertz, SOON).await, "{} never hears {hertz} Hz", who.name);
    scene(&[Listener::of_voices(who.name, ear, &[hertz])]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_a_reload_closes_sends_callers_to_its_overflow_until_a_reload_opens_it() {
    let house = House::with(QUIET).await;
    let operator = Desk::operator(&house);
    let (carol, first) = (house.carol().await, house.customer().await);
    let paused = operator.put("/v1/agents/carol/state", json!({"state": "paused"})).await;
    assert!(matches!(paused.status, 200 | 204), "{}", paused.body);
    let one = first.calls(SUPPORTS_NUMBER);
    first.comes_to(one, LineState::Live).await;
    scene(&[first.hears_music(one)]).await;
    reloaded(&house, open_at(&format!("{} 00:00-24:00", another_day()))).await.done(200);
    until_queue(&operator, |queue| queue["open"] == false).await;
    // who waits when it closes, and the next caller
    let hers = carol.answers().await;
    they_talk((&first, one), (&carol, hers)).await;
    first.hangs_up(one);
    carol.is_let_go(hers).await;
    let second = house.outside("second", tones::STRANGER).await;
    let two = second.calls(SUPPORTS_NUMBER);
    let hers = carol.answers().await;
    they_talk((&second, two), (&carol, hers)).await;
    house.freeze_and_thaw(2).await;
    second.hangs_up(two);
    carol.is_let_go(hers).await;
    reloaded(&house, open_at("mon-sun 00:00-24:00")).await.done(200);
    until_queue(&operator, |queue| queue["open"] == true).await;
    let three = second.calls(SUPPORTS_NUMBER);
    second.comes_to(three, LineState::Live).await;
    scene(&[second.hears_music(three)]).await;
    assert!(!carol.is_busy(), "the caller waits");
    let bob = house.bob().await;
    let his = bob.answers().await;
    they_talk((&second, three), (&bob, his)).await;
    bob.hangs_up(his);
    second.is_let_go(three).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_hears_the_new_music_after_a_reload_and_a_file_without_sound_changes_nothing() {
    let house = House::with(QUIET).await;
    let music = |path: PathBuf| format!("position_every_s = 0\nmusic = \"{}\"", path.display());
    let (before, after) = (tone_file(&house, FIRST), tone_file(&house, SECOND));
    let (first, second) = (house.customer().await, house.outside("second", tones::STRANGER).await);
    let one = first.calls(SUPPORTS_NUMBER);
    first.comes_to(one, LineState::Live).await;
    scene(&[first.hears_music(one)]).await;
    reloaded(&house, music(before)).await.done(200);
    hears_music_of(&first, one, FIRST).await;
    let noise = house.data().join("no-music.wav");
    std::fs::write(&noise, "this is no sound").expect("room on the disk");
    let refused = reloaded(&house, music(noise)).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    hears_music_of(&first, one, FIRST).await;
    reloaded(&house, music(after)).await.done(200);
    hears_music_of(&first, one, SECOND).await;
    house.freeze_and_thaw(1).await;
    hears_music_of(&first, one, SECOND).await;
    let settled = Mark::now().before(Duration::from_millis(400));
    let two = second.calls(SUPPORTS_NUMBER);
    second.comes_to(two, LineState::Live).await;
    hears_music_of(&second, two, SECOND).await;
    never_heard(&first, one, settled, FIRST);
    never_heard(&second, two, settled, FIRST);
    first.hangs_up(one);
    second.hangs_up(two);
    house.close().await;
}
