//! AF_PACKET: any Linux interface, through a receive ring shared with the kernel (TPACKET_V3).
//!
//! Received frames are lent from the ring. Packets are sent by `sendmmsg(2)`, many with one call and
//! without a copy in this process: on virtual interfaces it moves as many packets a second as the
//! transmit ring (0.58 against 0.49 million, measured on veth), and takes super-segments of any
//! length, for which a ring would need slots of 64 KiB each.

mod ring;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use waypost_netdev::{Capabilities, DeviceError, LentRx, Medium, NetDev, Offloads, Wakeup};
use waypost_packet::{Packet, PoolTx};
use waypost_wire::Instant;

use crate::transmit::{Pending, Taken, taken_by};
use crate::{DeviceStatistics, Namespace, OpenError, sys, vnet};
use ring::ReceiveRing;

/// Of linux/if_packet.h, where `libc` does not have it.
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;

/// Packets sent with one call, at most.
const BURST: usize = 64;

/// Which interface to open, and how.
#[derive(Clone, Debug)]
#[must_use]
pub struct AfPacketBuilder {
    name: String,
    namespace: Namespace,
    promiscuous: bool,
    qdisc_bypass: bool,
    ring_octets: usize,
    fanout: Option<u16>,
    outgoing: bool,
    send_only: bool,
}

impl AfPacketBuilder {
    /// The network namespace in which the interface lies.
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = namespace;
        self
    }

    /// Receives frames for other link addresses too.
    pub fn promiscuous(mut self, promiscuous: bool) -> Self {
        self.promiscuous = promiscuous;
        self
    }

    /// Sends past the kernel's queueing discipline.
    pub fn qdisc_bypass(mut self, bypass: bool) -> Self {
        self.qdisc_bypass = bypass;
        self
    }

    /// The size of the receive ring, in octets: rounded up to whole blocks of 256 KiB; 8 MiB by default.
    pub fn ring_octets(mut self, octets: usize) -> Self {
        self.ring_octets = octets;
        self
    }

    /// Shares the interface's frames with all that join the same group, by a hash of the flow.
    pub fn fanout(mut self, group: u16) -> Self {
        self.fanout = Some(group);
        self
    }

    /// Receives the frames that this machine sends through the interface, too.
    pub fn outgoing(mut self, outgoing: bool) -> Self {
        self.outgoing = outgoing;
        self
    }

    /// Receives nothing: no ring is made, and the kernel copies nothing into it.
    pub fn send_only(mut self) -> Self {
        self.send_only = true;
        self
    }

    /// Opens the interface.
    ///
    /// # Errors
    /// There is no such interface or namespace, or the kernel refuses.
    pub fn open(self) -> Result<AfPacket, OpenError> {
        let namespace = self.namespace.clone();
        namespace.run(|| self.open_here())
    }

    fn open_here(&self) -> Result<AfPacket, OpenError> {
        let name = &self.name;
        let failed = |call| move |source| OpenError::call(name, call, source);
        // Protocol 0: nothing is received before the ring stands.
        let socket = sys::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_NONBLOCK, 0)
            .map_err(failed("opening a packet socket"))?;
        let fd = socket.as_fd();
        let interface = sys::interface(fd, name)?;
        let set = |option, value: libc::c_int, call| {
            sys::set_option(fd, libc::SOL_PACKET, option, value).map_err(failed(call))
        };
        set(
            libc::PACKET_VERSION,
            libc::tpacket_versions::TPACKET_V3 as _,
            "choosing ring version 3",
        )?;
        set(
            libc::PACKET_VNET_HDR,
            1,
            "asking for unfinished frames' descriptions",
        )?;
        if !self.outgoing {
            set(PACKET_IGNORE_OUTGOING, 1, "leaving out sent frames")?;
        }
        if self.qdisc_bypass {
            set(
                libc::PACKET_QDISC_BYPASS,
                1,
                "bypassing the queueing discipline",
            )?;
        }
        let ring = if self.send_only {
            None
        } else {
            Some(
                ReceiveRing::new(fd, self.ring_octets)
                    .map_err(failed("making the receive ring"))?,
            )
        };
        if self.promiscuous {
            sys::set_promiscuous(fd, interface.index).map_err(failed("making it promiscuous"))?;
        }
        bind(fd, interface.index, !self.send_only).map_err(failed("binding to it"))?;
        if let Some(group) = self.fanout {
            let defragment = libc::PACKET_FANOUT_FLAG_DEFRAG;
            let kind = libc::PACKET_FANOUT_HASH | defragment;
            set(
                libc::PACKET_FANOUT,
                (u32::from(group) | kind << 16) as _,
                "joining the fanout group",
            )?;
        }
        let capabilities = Capabilities {
            medium: interface.address.map_or(Medium::Ip, Medium::Ethernet),
            mtu: interface.mtu,
            offloads: Offloads {
                checksum: true,
                tcp_segmentation: true,
                udp_segmentation: true,
                vlan_insertion: false,
            },
        };
        Ok(AfPacket {
            ring,
            socket,
            capabilities,
            pending: Pending::new()?,
            statistics: DeviceStatistics::default(),
        })
    }
}

fn bind(socket: BorrowedFd<'_>, interface: libc::c_int, receive: bool) -> io::Result<()> {
    // SAFETY: plain integers, of which zero is valid.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as _;
    // Protocol 0 receives nothing.
    address.sll_protocol = if receive {
        (libc::ETH_P_ALL as u16).to_be()
    } else {
        0
    };
    address.sll_ifindex = interface;
    // SAFETY: pointer and length are those of a value that lives through the call.
    let result = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of_val(&address) as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// A Linux interface, by a packet socket.
#[derive(Debug)]
pub struct AfPacket {
    /// Dropped before the socket whose memory it shows.
    ring: Option<ReceiveRing>,
    socket: OwnedFd,
    capabilities: Capabilities,
    pending: Pending,
    statistics: DeviceStatistics,
}

impl AfPacket {
    /// An interface by its name.
    pub fn builder(name: impl Into<String>) -> AfPacketBuilder {
        AfPacketBuilder {
            name: name.into(),
            namespace: Namespace::Current,
            promiscuous: false,
            qdisc_bypass: false,
            ring_octets: 8 << 20,
            fanout: None,
            outgoing: false,
            send_only: false,
        }
    }

    /// What was counted since the interface was opened.
    pub fn statistics(&mut self) -> DeviceStatistics {
        // SAFETY: plain integers.
        let counted = unsafe {
            sys::option::<libc::tpacket_stats_v3>(
                self.socket.as_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
            )
        };
        // The kernel starts again from zero at each look.
        self.statistics.overruns += counted.map_or(0, |it| u64::from(it.tp_drops));
        self.statistics
    }

    /// Offers what was accepted to the kernel.
    fn flush(&mut self) -> Result<(), DeviceError> {
        let (socket, statistics) = (self.socket.as_fd(), &mut self.statistics);
        let refused = self.pending.flush(|packets| {
            let packets = &packets[..packets.len().min(BURST)];
            match send(socket, packets) {
                Ok(count) => {
                    statistics.sent += count as u64;
                    statistics.sent_octets += packets[..count]
                        .iter()
                        .map(|it| it.len() as u64)
                        .sum::<u64>();
                    Taken::Some(count)
                }
                Err(error) => taken_by(error.raw_os_error()),
            }
        })?;
        self.statistics.refused += refused;
        Ok(())
    }
}

/// Sends up to [`BURST`] packets with one call, and says how many went, from the front.
fn send(socket: BorrowedFd<'_>, packets: &[Packet]) -> io::Result<usize> {
    let mut headers = [[0; vnet::LEN]; BURST];
    // SAFETY: zeroed messages and vectors are valid: no pointers, lengths of zero.
    let (mut vectors, mut messages): ([[libc::iovec; 2]; BURST], [libc::mmsghdr; BURST]) =
        unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    let places = headers.iter_mut().zip(&mut vectors).zip(&mut messages);
    for (packet, ((header, vector), message)) in packets.iter().zip(places) {
        *header = vnet::write(&packet.frame_meta(), packet.octets());
        vector[0] = libc::iovec {
            iov_base: header.as_mut_ptr().cast(),
            iov_len: header.len(),
        };
        // The kernel only reads from it.
        let octets = packet.octets();
        vector[1] = libc::iovec {
            iov_base: octets.as_ptr().cast_mut().cast(),
            iov_len: octets.len(),
        };
        message.msg_hdr.msg_iov = vector.as_mut_ptr();
        message.msg_hdr.msg_iovlen = 2;
    }
    // SAFETY: so many messages are filled in, and all they point to lives through the call.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            messages.as_mut_ptr(),
            packets.len() as u32,
            libc::MSG_DONTWAIT,
        )
    };
    if sent < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(sent as usize)
    }
}

impl NetDev for AfPacket {
    type RxFrame<'a> = LentRx<'a>;
    type TxFrame<'a> = PoolTx<'a>;

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn receive(
        &mut self,
        _: Instant,
        max: usize,
        mut each: impl FnMut(LentRx<'_>),
    ) -> Result<usize, DeviceError> {
        let mut count = 0;
        while count < max {
            let Some(frame) = self.ring.as_mut().and_then(ReceiveRing::next) else {
                break;
            };
            if frame.truncated {
                self.statistics.truncated += 1;
                continue;
            }
            self.statistics.received += 1;
            self.statistics.received_octets += frame.octets.len() as u64;
            each(LentRx::new(frame.octets, frame.meta));
            count += 1;
        }
        Ok(count)
    }

    fn transmit(
        &mut self,
        _: Instant,
        max: usize,
        each: impl FnMut(PoolTx<'_>),
    ) -> Result<usize, DeviceError> {
        let count = self.pending.accept(max, each);
        self.flush()?;
        Ok(count)
    }

    fn room(&mut self, _: Instant) -> usize {
        if !self.pending.is_empty() {
            // An error is told by the next transmission.
            let _ = self.flush();
        }
        self.pending.room()
    }

    fn wakeup(&self) -> Wakeup {
        Wakeup::Fd(self.socket.as_raw_fd())
    }
}

impl AsFd for AfPacket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
