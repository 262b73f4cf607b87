//! The same transfers with each phone at home: a private address, a router that rewrites sources, nothing let in from
//! outside. The phones are told not to find out their public address: to see through it is the server's work.

use std::thread::sleep;

use crate::phones::Kind::{self, Linphone, Pjsua};
use crate::phones::house::House;
use crate::phones::network::{Host, Network};
use crate::transfers::{CUSTOMER, Cast};
use crate::{ALICE, BOB, WHILE, digests};

#[test]
fn linphone_hands_over_from_behind_a_nat_to_a_phone_behind_another() {
    let mut network = Network::make();
    let ((alices_home, _), (bobs_home, _)) = (network.phone(), network.phone());
    let house = House::open_in(&network, "real-phones-nat-linphone", digests(&[Linphone, Pjsua]));
    let mut cast = at_home(&house, &network, (Linphone, &alices_home), (Pjsua, &bobs_home));
    cast.talk_hold_and_consult(&house);
    cast.alice_completes();
    sleep(WHILE);
    cast.end().judge();
    house.close();
}

#[test]
fn pjsua_hands_over_though_its_router_forgets_its_bindings_in_the_middle_of_the_consult() {
    let mut network = Network::make();
    let ((alices_home, mut alices_router), (bobs_home, _)) = (network.phone(), network.phone());
    let house = House::open_in(&network, "real-phones-nat-pjsua", digests(&[Linphone, Pjsua]));
    let mut cast = at_home(&house, &network, (Pjsua, &alices_home), (Linphone, &bobs_home));
    cast.talk_hold_and_consult(&house);
    alices_router.rebind();
    // what comes from her new port is believed once the old one has been silent for half a second
    sleep(WHILE);
    cast.alice_completes();
    sleep(WHILE);
    cast.end().judge();
    house.close();
}

fn at_home(house: &House, network: &Network, alice: (Kind, &Host), bob: (Kind, &Host)) -> Cast {
    Cast {
        alice: alice.0.start(house.person("alice", ALICE).at(alice.1)),
        bob: bob.0.start(house.person("bob", BOB).at(bob.1)),
        customer: Pjsua.start(house.customer(CUSTOMER).at(&network.customer())),
    }
}
