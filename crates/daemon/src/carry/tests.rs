//! What happens when the mixer does not do what it was told, with a real mixer.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use conference::{Ears, LegMask, ParticipantId, Place};
use control_api::Told;
use media_mixer::MediaSettings;
use sip_signalling::SipSettings;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::TryRecvError;

use super::*;
use crate::config::from_text;
use crate::told::Reserved;
use crate::translate;

const CALL: CallId = CallId(7);
const LIMIT: Duration = Duration::from_secs(10);

pub(crate) async fn carry() -> (Carry, broadcast::Receiver<Told>) {
    let config = from_text("[sip]\nlisten = [\"udp:127.0.0.1:0\"]\n[media]\nhold_music = \"silence\"\n").unwrap();
    let settings: SipSettings = translate::signalling(&config);
    let (endpoint, _news) = Endpoint::start(settings).await.unwrap();
    let media: MediaSettings = translate::media(&config);
    let (mixer, _news) = Mixer::start(media).unwrap();
    let told = broadcast::Sender::new(16);
    let receiver = told.subscribe();
    let edges = Edges { endpoint, mixer, near: config.media.address };
    let mut carry = Carry::new(edges, Teller::new(told, Reserved::default()), Clock::start());
    for leg in [LegId::arrived(1), LegId::arrived(2)] {
        carry.mixer.open(leg, config.media.address).unwrap();
        carry.legs.add(leg, Leg::new(Waiting::Nothing, conference::Direction::Both));
    }
    (carry, receiver)
}

fn masks(version: u64, tightens: bool) -> Output {
    let mask = |leg, person| LegMask {
        leg,
        person: ParticipantId(person),
        place: Place::Main,
        open: true,
        early: false,
        muted: false,
        ears: Ears::ComfortNoise,
        supervises: None,
        cues: true,
    };
    let legs = vec![mask(LegId::arrived(1), 1), mask(LegId::arrived(2), 2)];
    Output::Effect(Effect::SetAudibility(ChangeSet {
        call: CALL,
        version,
        full: false,
        legs,
        gone: Vec::new(),
        tightens,
    }))
}

fn event() -> Output {
    Output::Event(Event::CallEnded { call: CALL })
}

async fn acknowledge(carry: &mut Carry) {
    let word = tokio::time::timeout(LIMIT, next_of(&mut carry.acknowledgements)).await.unwrap();
    carry.go_on(word);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tightening_is_in_force_before_anybody_is_told() {
    let (mut carry, mut told) = carry().await;
    carry.reaction(Cause::Time, vec![masks(1, false)]);
    carry.reaction(Cause::Time, vec![masks(2, true), event()]);
    assert_eq!(told.try_recv(), Err(TryRecvError::Empty));
    acknowledge(&mut carry).await;
    assert_eq!(told.try_recv().unwrap().event, Event::CallEnded { call: CALL });
    assert_eq!(carry.alarms, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_the_mixer_turns_down_raises_the_alarm_and_the_whole_state_mends_it() {
    let (mut carry, mut told) = carry().await;
    carry.reaction(Cause::Time, vec![masks(1, false)]);
    carry.reaction(Cause::Time, vec![masks(5, true), event()]);
    acknowledge(&mut carry).await;
    assert_eq!(carry.alarms, 1);
    assert_eq!(told.try_recv(), Err(TryRecvError::Empty), "nobody is told while the call is out of step");
    acknowledge(&mut carry).await;
    assert_eq!(told.try_recv().unwrap().event, Event::CallEnded { call: CALL });
    let mended = carry.mixer.audibility(CALL).unwrap();
    assert_eq!((mended.version, mended.closed, mended.pairs().count()), (5, false, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_offer_asked_that_the_mixer_refused_is_taken_back() {
    use conference::Direction;
    let (mut carry, _told) = carry().await;
    let leg = LegId::arrived(1);
    let known = carry.legs.get_mut(leg).unwrap();
    (known.waiting, known.direction) = (Waiting::Offer("no description".into()), Direction::Away);
    let answer = || vec![Output::Effect(Effect::AnswerOffer { leg })];
    carry.reaction(Cause::Time, answer());
    assert_eq!(carry.reports.drain(..).collect::<Vec<_>>(), [Report::Offered { leg, direction: Direction::Both }]);
    // the next offer is there before the core has answered that: its own answer is the second
    let next = Waiting::Offer("no description either".into());
    carry.legs.get_mut(leg).unwrap().waiting = next.clone();
    carry.reaction(Cause::Time, answer());
    assert_eq!(carry.legs.get(leg).unwrap().waiting, next);
    carry.reaction(Cause::Time, answer());
    assert_eq!(carry.legs.get(leg).unwrap().waiting, Waiting::Nothing);
    assert!(carry.reports.is_empty(), "nothing had changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_mixer_is_silent_for_seconds_is_ended() {
    let (mut carry, mut told) = carry().await;
    carry.reaction(Cause::Time, vec![masks(1, false)]);
    carry.mixer.clone().stop();
    carry.reaction(Cause::Time, vec![masks(2, true), event()]);
    let (done, mut asked) = oneshot::channel::<()>();
    carry.say(carry.not_in_force(), move || _ = done.send(()));
    while carry.reports.is_empty() {
        acknowledge(&mut carry).await;
    }
    let never = oneshot::error::TryRecvError::Closed;
    assert_eq!(asked.try_recv(), Err(never), "who asked is not told that it was done");
    assert_eq!(carry.alarms, u64::from(ALARMS));
    let ended: Vec<Report> = carry.reports.drain(..).collect();
    let dead = |leg| Report::Ended { leg, how: Ending::Dead };
    assert_eq!(ended, [dead(LegId::arrived(1)), dead(LegId::arrived(2))]);
    assert_eq!(told.try_recv(), Err(TryRecvError::Empty), "nobody was ever told");
    assert!(!carry.waits() && carry.legs.len() == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_of_a_leg_that_takes_anothers_place_is_made_before_the_old_one_ends() {
    let (mut carry, _told) = carry().await;
    let (new, old) = (LegId::arrived(1), LegId::arrived(2));
    assert!(carry.made(LegId::arrived(3), &Waiting::NoOffer).is_err(), "the mixer cannot, and nobody has ended");
    assert!(carry.made(new, &Waiting::Offer("no description".into())).is_err());
    carry.legs.get_mut(new).unwrap().waiting = carry.made(new, &Waiting::NoOffer).unwrap();
    // whatever the mixer says from here on, it is answered
    carry.mixer.close(new);
    let effects = [Effect::Answer { leg: new }, Effect::Hangup { leg: old, status: None }];
    carry.reaction(Cause::Time, effects.into_iter().map(Output::Effect).collect());
    assert!(carry.reports.is_empty(), "{:?}", carry.reports);
    assert_eq!(carry.legs.get(new).unwrap().waiting, Waiting::Ours);
    assert!(carry.legs.get(old).is_none());
}
