//! A network of our own: namespaces joined by virtual cables, each phone's with a router before it that rewrites sources.
//!
//! ```text
//!   phone 192.168.1.2 -- 192.168.1.1 router 10.77.0.11 --+
//!                                                        +-- outside: the house 10.77.0.1, a customer 10.77.0.2
//!   phone 192.168.1.2 -- 192.168.1.1 router 10.77.0.12 --+
//! ```
//!
//! Every phone has the same private address, as at home. A router lets in nothing but answers, and never keeps a port as
//! it is. Everything lies in namespaces of our own (root is needed, or `unshare -rnm`), none of it is reachable from
//! elsewhere, and all of it goes when the network is dropped.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Names of our namespaces begin so, then comes the process id of who made them.
const PREFIX: &str = "baton-";

/// A place where a program can be started.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) namespace: String,
    pub(crate) address: IpAddr,
}

/// A network with a public side and phones behind routers.
pub(crate) struct Network {
    name: String,
    namespaces: Vec<String>,
    routers: u8,
}

/// The router before one phone.
pub(crate) struct Router {
    namespace: String,
    /// Which range of ports its next bindings are from.
    range: u16,
}

impl Network {
    /// Makes the outside: one switch, the house and a customer on it.
    pub(crate) fn make() -> Network {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        remove_those_of_the_dead();
        let name = format!("{PREFIX}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut network = Network { name, namespaces: Vec::new(), routers: 0 };
        let outside = network.namespace("out");
        run(&["ip", "-n", &outside, "link", "add", "switch", "type", "bridge"]);
        for host in [network.house(), network.customer()] {
            run(&["ip", "-n", &outside, "address", "add", &format!("{}/24", host.address), "dev", "switch"]);
        }
        run(&["ip", "-n", &outside, "link", "set", "switch", "up"]);
        network
    }

    /// Where the daemon runs.
    pub(crate) fn house(&self) -> Host {
        self.outside(1)
    }

    /// Where a customer's phone runs: a public address, no router before it.
    pub(crate) fn customer(&self) -> Host {
        self.outside(2)
    }

    /// A new private network with one phone and its router.
    pub(crate) fn phone(&mut self) -> (Host, Router) {
        self.routers += 1;
        let (router, home) =
            (self.namespace(&format!("r{}", self.routers)), self.namespace(&format!("p{}", self.routers)));
        let (outside, plug) = (self.outside(1).namespace, format!("plug{}", self.routers));
        cable((&router, "wan"), (&outside, &plug));
        run(&["ip", "-n", &outside, "link", "set", &plug, "master", "switch"]);
        cable((&router, "lan"), (&home, "lan"));
        run(&["ip", "-n", &router, "address", "add", &format!("10.77.0.{}/24", 10 + self.routers), "dev", "wan"]);
        run(&["ip", "-n", &router, "address", "add", "192.168.1.1/24", "dev", "lan"]);
        run(&["ip", "-n", &home, "address", "add", "192.168.1.2/24", "dev", "lan"]);
        run(&["ip", "-n", &home, "route", "add", "default", "via", "192.168.1.1"]);
        inside(&router, &["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"]);
        inside(
            &router,
            &["nft", "add table ip nat; add chain ip nat sources { type nat hook postrouting priority srcnat; }"],
        );
        let mut router = Router { namespace: router, range: 0 };
        router.rebind();
        (Host { namespace: home, address: IpAddr::V4(Ipv4Addr::new(192, 168, 1, 2)) }, router)
    }

    fn outside(&self, number: u8) -> Host {
        let address = IpAddr::V4(Ipv4Addr::new(10, 77, 0, number));
        Host { namespace: format!("{}-out", self.name), address }
    }

    fn namespace(&mut self, part: &str) -> String {
        let namespace = format!("{}-{part}", self.name);
        run(&["ip", "netns", "add", &namespace]);
        self.namespaces.push(namespace.clone());
        run(&["ip", "-n", &namespace, "link", "set", "lo", "up"]);
        namespace
    }
}

impl Router {
    /// Forgets every binding, as a router does that was started again: what goes out from here on has other ports.
    pub(crate) fn rebind(&mut self) {
        let first = 20_000 + self.range % 4 * 10_000;
        self.range += 1;
        let rule = format!(
            "flush chain ip nat sources; add rule ip nat sources oifname wan meta l4proto {{ tcp, udp }} masquerade to :{first}-{last}",
            last = first + 9_999
        );
        inside(&self.namespace, &["nft", &rule]);
        inside(&self.namespace, &["conntrack", "-F"]);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.namespaces.iter().for_each(|namespace| delete(namespace));
    }
}

/// Namespaces of a run that was killed: their maker's process id is nobody's any more.
fn remove_those_of_the_dead() {
    let Ok(listed) = Command::new("ip").args(["netns", "list"]).output() else { return };
    for name in String::from_utf8_lossy(&listed.stdout).lines().filter_map(|line| line.split(' ').next()) {
        let maker = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if maker.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists()) {
            delete(name);
        }
    }
}

fn delete(namespace: &str) {
    drop(Command::new("ip").args(["netns", "delete", namespace]).status());
}

/// One virtual cable between two namespaces, both ends up.
fn cable(one: (&str, &str), other: (&str, &str)) {
    run(&["ip", "-n", one.0, "link", "add", one.1, "type", "veth", "peer", "name", other.1, "netns", other.0]);
    for (namespace, end) in [one, other] {
        run(&["ip", "-n", namespace, "link", "set", end, "up"]);
    }
}

fn inside(namespace: &str, command: &[&str]) {
    run(&[&["ip", "netns", "exec", namespace], command].concat());
}

fn run(command: &[&str]) {
    let output = Command::new(command[0]).args(&command[1..]).output();
    let output = output.unwrap_or_else(|why| panic!("cannot start {}: {why} (scripts/test installs it)", command[0]));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said} (namespaces need root, or `unshare -rnm`)");
}
