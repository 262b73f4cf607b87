//! The kernel interfaces that std does not have: the clock, waking at an absolute time, scheduling classes, arrival times.
//!
//! The only module with `unsafe` code; every block says why it is sound. It makes no decision about media.
#![expect(unsafe_code, reason = "these calls exist in C only; each block states why it is sound")]

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

/// The best scheduling that a media thread obtained; said at the start, because it decides how punctual ticks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduling {
    /// SCHED_FIFO: ticks are about a millisecond late at worst.
    RealTime,
    /// The normal class with a short slice and a raised priority: nearly as good.
    ShortSlice,
    /// The normal class with a short slice alone.
    SliceOnly,
    /// The normal class: ticks may be ten milliseconds late under load.
    Normal,
}

impl Scheduling {
    /// A word for logs and counters.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::RealTime => "fifo",
            Self::ShortSlice => "short slice, nice -15",
            Self::SliceOnly => "short slice",
            Self::Normal => "normal",
        }
    }
}

/// Priority in SCHED_FIFO: above everything normal, below the kernel's own threads.
const FIFO_PRIORITY: i32 = 5;
/// Nanoseconds of the slice asked for in the normal class.
const SLICE_NS: u64 = 100_000;
const NICE: i32 = -15;

/// Microseconds on the monotonic clock: the same for every process of one boot, so that frozen times stay good.
pub(crate) fn now_us() -> u64 {
    micros(&clock(libc::CLOCK_MONOTONIC))
}

/// Sleeps until the monotonic clock shows `at_us`, or a little longer.
pub(crate) fn sleep_until(at_us: u64) {
    let at = libc::timespec {
        tv_sec: (at_us / 1_000_000) as libc::time_t,
        tv_nsec: (at_us % 1_000_000 * 1_000) as libc::c_long,
    };
    // SAFETY: `at` is a valid timespec for the duration of the call, and no remainder is asked for. A signal only makes it
    // return early, for which callers look at the clock again.
    unsafe { libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &raw const at, std::ptr::null_mut()) };
}

/// Gets the best scheduling for the calling thread, and keeps it on one core if one is named.
pub(crate) fn claim(core: Option<usize>) -> Scheduling {
    if let Some(core) = core {
        pin(core);
    }
    let fifo = libc::sched_param { sched_priority: FIFO_PRIORITY };
    // SAFETY: `fifo` is a valid sched_param; 0 names the calling thread.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &raw const fifo) } == 0 {
        return Scheduling::RealTime;
    }
    for (nice, obtained) in [(NICE, Scheduling::ShortSlice), (0, Scheduling::SliceOnly)] {
        if set_slice(nice) {
            return obtained;
        }
    }
    Scheduling::Normal
}

/// Cores this process may run on.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Has the kernel note when datagrams arrive. Without it, [`receive`] tells no times.
pub(crate) fn stamp_arrivals(socket: &UdpSocket) {
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open as long as `socket` is borrowed, and the option's value is a c_int of the length given.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
}

/// Room for the one control message we ask for; u64, so that it is aligned.
type Control = [u64; 8];

/// Reads one datagram without waiting: its length, its sender, and when it arrived on the monotonic clock.
///
/// # Errors
/// `WouldBlock` if none waits, else what the kernel says.
pub(crate) fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
    now_us: u64,
) -> io::Result<(usize, SocketAddr, Option<u64>)> {
    // SAFETY: both are plain C structures for which all zeros is a valid value.
    let (mut name, mut message) = unsafe { (mem::zeroed::<libc::sockaddr_storage>(), mem::zeroed::<libc::msghdr>()) };
    let mut control: Control = [0; 8];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    message.msg_name = (&raw mut name).cast();
    message.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = size_of::<Control>() as _;
    // SAFETY: every pointer in `message` points to a local or to `buffer`, all alive and of the lengths given.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) };
    let Ok(length) = usize::try_from(length) else { return Err(io::Error::last_os_error()) };
    let from = address(&name).ok_or(io::ErrorKind::AddrNotAvailable)?;
    let at_us = arrival(&message).map(|stamp| {
        // the stamp is on the wall clock, which may be set at any time: only its age is used
        let age = micros(&clock(libc::CLOCK_REALTIME)).saturating_sub(stamp);
        micros(&clock(libc::CLOCK_MONOTONIC)).saturating_sub(age).min(now_us.max(1))
    });
    Ok((length, from, at_us))
}

fn arrival(message: &libc::msghdr) -> Option<u64> {
    // SAFETY: `message` was filled in by recvmsg and its control buffer is alive; CMSG_FIRSTHDR returns null or a header
    // inside that buffer, and a header of this type is followed by a timespec, read unaligned.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(message);
        let header_ref = header.as_ref()?;
        let ours = header_ref.cmsg_level == libc::SOL_SOCKET && header_ref.cmsg_type == libc::SCM_TIMESTAMPNS;
        ours.then(|| micros(&libc::CMSG_DATA(header).cast::<libc::timespec>().read_unaligned()))
    }
}

fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that a sockaddr_in is stored here, and storage is large enough and aligned for it.
            let v4 = unsafe { &*(&raw const *name).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddr::new(IpAddr::V4(ip), u16::from_be(v4.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: as above, for sockaddr_in6.
            let v6 = unsafe { &*(&raw const *name).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddr::new(IpAddr::V6(ip), u16::from_be(v6.sin6_port)))
        }
        _ => None,
    }
}

fn clock(which: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid and writable for the duration of the call; both clocks exist on every Linux.
    unsafe { libc::clock_gettime(which, &raw mut time) };
    time
}

fn micros(time: &libc::timespec) -> u64 {
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1_000
}

fn pin(core: usize) {
    // SAFETY: cpu_set_t is a bit field for which all zeros is valid; CPU_SET stays inside it because `core` is checked.
    unsafe {
        let mut set = mem::zeroed::<libc::cpu_set_t>();
        if core < 8 * size_of::<libc::cpu_set_t>() {
            libc::CPU_SET(core, &mut set);
            libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
        }
    }
}

/// `struct sched_attr` of sched_setattr(2), first version.
#[repr(C)]
struct SchedAttr {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

/// In the normal class, `runtime` asks for a shorter slice (Linux 6.12).
fn set_slice(nice: i32) -> bool {
    let attributes = SchedAttr {
        size: size_of::<SchedAttr>() as u32,
        policy: libc::SCHED_OTHER as u32,
        flags: 0,
        nice,
        priority: 0,
        runtime: SLICE_NS,
        deadline: 0,
        period: 0,
    };
    // SAFETY: `attributes` has the layout the kernel documents and says its own size; 0 names the calling thread.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0_u32) == 0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_datagram_is_read_with_its_sender_and_its_arrival() {
        for host in ["127.0.0.1", "::1"] {
            let ip: IpAddr = host.parse().unwrap();
            let Ok(here) = UdpSocket::bind((ip, 0)) else { continue };
            let there = UdpSocket::bind((ip, 0)).unwrap();
            stamp_arrivals(&here);
            let mut buffer = [0; 64];
            let nothing = receive(&here, &mut buffer, now_us()).unwrap_err();
            assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
            // the kernel begins to note arrivals a moment after it was first asked to
            let noted = (0..50).any(|_| {
                let before = now_us();
                there.send_to(b"hello", here.local_addr().unwrap()).unwrap();
                sleep_until(before + 20_000);
                let (length, from, at_us) = receive(&here, &mut buffer, now_us()).unwrap();
                assert_eq!((&buffer[..length], from), (&b"hello"[..], there.local_addr().unwrap()));
                let at_us = at_us.unwrap();
                assert!(at_us + 2_000 > before, "{before} {at_us}");
                at_us < before + 15_000
            });
            assert!(noted);
        }
    }

    #[test]
    fn sleeping_ends_at_or_after_the_moment_asked_for() {
        let at = now_us() + 3_000;
        sleep_until(at);
        assert!(now_us() >= at);
    }
}
