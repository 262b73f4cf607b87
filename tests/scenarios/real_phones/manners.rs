//! Every phone in every manner it can: transport × codec × encryption × its part in a transfer. What was seen to work, heard by every
//! ear, is the list in `docs/phones.md`.
//!
//! A phone that fails in one manner fails the test, whatever the list says, and so does a list that says something else than what
//! was seen. `BATON_WRITE=1` writes it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::digests;
use crate::phones::Kind::{self, Baresip, Linphone, Pjsua};
use crate::phones::house::House;
use crate::phones::manner::{Codec, Encryption, Manner, Transport};
use crate::transfers::{CUSTOMER, Cast};
use crate::{ALICE, BOB};

/// Casts that play at the same time: they wait most of the time.
const AT_ONCE: usize = 4;

/// What a phone did in a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Warm,
    Cold,
    Target,
    Customer,
}

impl Part {
    const ALL: [Part; 4] = [Part::Warm, Part::Cold, Part::Target, Part::Customer];
}

/// A phone in a manner.
type Player = (Kind, Manner);
/// What was seen: by phone and manner, in which parts.
type Seen = BTreeMap<(&'static str, Manner), BTreeSet<Part>>;

/// One transfer: who plays Alice, Bob and the customer, and whether Alice consults Bob before.
#[derive(Clone, Copy, Debug)]
struct Play {
    alice: Player,
    bob: Player,
    customer: Player,
    consult: bool,
}

#[test]
fn every_phone_in_every_manner_takes_part_in_transfers() {
    let waiting: Mutex<VecDeque<(usize, Play)>> = Mutex::new(plays().into_iter().enumerate().collect());
    let (seen, failed) = (Mutex::new(Seen::new()), Mutex::new(Vec::new()));
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((number, play)) = next() {
                    if catch_unwind(AssertUnwindSafe(|| play.perform(number))).is_ok() {
                        note(&mut seen.lock().unwrap_or_else(PoisonError::into_inner), &play);
                    } else {
                        failed.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{number}: {play:?}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(failed.is_empty(), "{} plays failed:\n{}", failed.len(), failed.join("\n"));
    hold_the_list_to(&written(&seen.into_inner().unwrap_or_else(PoisonError::into_inner)));
}

/// All of them: each of the three phones that can, as Alice, in each manner.
fn plays() -> Vec<Play> {
    let of = |codecs: &'static [Codec]| {
        let manners =
            Transport::ALL.into_iter().flat_map(|transport| codecs.iter().map(move |codec| (transport, *codec)));
        manners.flat_map(|(transport, codec)| {
            [Encryption::None, Encryption::Sdes].map(|encryption| Manner { transport, codec, encryption })
        })
    };
    let no_opus = |manner: Manner| match manner.codec {
        Codec::Opus => Manner { codec: Codec::Pcma, ..manner },
        Codec::Pcmu | Codec::Pcma | Codec::G722 => manner,
    };
    let warm = |alice, bob, customer| Play { alice, bob, customer, consult: true };
    let by_linphone = of(&[Codec::Pcmu, Codec::G722, Codec::Opus])
        .map(|manner| warm((Linphone, manner), (Baresip, manner), (Pjsua, no_opus(manner))));
    let by_pjsua =
        of(&[Codec::Pcma, Codec::G722]).map(|manner| warm((Pjsua, manner), (Linphone, manner), (Baresip, manner)));
    let by_baresip = of(&[Codec::Pcmu, Codec::Opus]).map(|manner| {
        let (bob, customer) = ((Pjsua, no_opus(manner)), (Linphone, Manner { transport: Transport::Udp, ..manner }));
        Play { alice: (Baresip, manner), bob, customer, consult: false }
    });
    by_linphone.chain(by_pjsua).chain(by_baresip).collect()
}

impl Play {
    fn perform(&self, number: usize) {
        let kinds = [self.alice.0, self.bob.0, self.customer.0];
        let house = House::open_to_all(&format!("manners-{number}"), digests(&kinds));
        let cast = Cast {
            alice: self.alice.0.start(house.person_who("alice", ALICE, self.alice.1)),
            bob: self.bob.0.start(house.person_who("bob", BOB, self.bob.1)),
            customer: self.customer.0.start(house.customer_who(CUSTOMER, self.customer.1)),
        };
        if self.consult {
            cast.hands_over_after_a_consult(&house);
        } else {
            cast.hands_over_without_a_consult(&house);
        }
        house.close();
    }
}

fn note(seen: &mut Seen, play: &Play) {
    let mut note = |(kind, manner): Player, part| {
        seen.entry((name(kind), manner)).or_default().insert(part);
    };
    note(play.alice, if play.consult { Part::Warm } else { Part::Cold });
    note(play.bob, Part::Target);
    // a customer's phone speaks UDP whatever the others do
    let (kind, manner) = play.customer;
    note((kind, Manner { transport: Transport::Udp, ..manner }), Part::Customer);
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Baresip => "baresip 1.0",
        Linphone => "linphonec 5.1",
        Pjsua => "pjsua2 2.15",
    }
}

/// The list.
fn written(seen: &Seen) -> String {
    let row = |((name, manner), parts): (&(&'static str, Manner), &BTreeSet<Part>)| {
        let cells = Part::ALL.map(|part| if parts.contains(&part) { "yes" } else { "" });
        let Manner { transport, codec, encryption } = manner;
        let (transport, codec, encryption) = (transport.name(), codec.name(), encryption.name());
        format!("| {name} | {transport} | {codec} | {encryption} | {} |\n", cells.join(" | "))
    };
    format!("{HEAD}{}", seen.iter().map(row).collect::<String>())
}

const HEAD: &str = "# Phones\n\n\
    What real phones were seen to do with Baton. This list is made by the test `every_phone_in_every_manner_takes_part_in_transfers`\n\
    (`scripts/test phones`; `BATON_WRITE=1` writes it), and is right as long as that test passes: each *yes* is a transfer of three\n\
    phones, one program each, judged by what every ear recorded. The customer hears Alice, then music and nothing else, then Bob; Bob\n\
    never hears the customer before the transfer is completed.\n\n\
    An empty cell was not tried, or the phone has no such button (baresip 1.0 has no attended transfer). Customers come from outside,\n\
    over UDP. pjsua2 comes without Opus. All three come with Debian or PyPI; what has to be set in them is in `tests/phones`.\n\n\
    | Phone | SIP over | Codec | Media encrypted | hands over after a consult | hands over without one | is handed the customer | is the customer |\n\
    | --- | --- | --- | --- | --- | --- | --- | --- |\n";

fn hold_the_list_to(written: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/phones.md");
    if std::env::var_os("BATON_WRITE").is_some() {
        std::fs::write(&path, written).unwrap_or_else(|why| panic!("cannot write {}: {why}", path.display()));
    }
    let list = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(list == written, "docs/phones.md does not say what was seen; with BATON_WRITE=1 it is written:\n{written}");
}
