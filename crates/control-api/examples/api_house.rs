//! The API in front of a switchboard whose phones answer by themselves: for whatever tests the API from outside.
//!
//! `cargo run -p control-api --example api_house`; prints its address and the operator's token, then serves until killed.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, clippy::print_stdout, dead_code, unreachable_pub)]

use conference::Destination;
use house::{ADMIN, TestHouse, name};

#[path = "../tests/api/house.rs"]
mod house;

/// Requests a second and at once that no test of the schema comes near.
const PLENTY: u32 = 1_000_000;

#[tokio::main]
async fn main() {
    let house = TestHouse::open_with(|doors| (doors.rate_per_s, doors.burst) = (PLENTY, PLENTY)).await;
    house
        .inside(|inside| {
            inside.answers = true;
            inside.customer("+4930111", Destination::Agent(name("alice")));
            inside.customer("+4930222", Destination::Queue("support".to_owned()));
        })
        .await;
    println!("{} {ADMIN}", house.address);
    std::future::pending::<()>().await;
}
