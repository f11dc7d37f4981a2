//! Opening a packet socket.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;

use waypost_netdev::{Capabilities, Medium, Offloads};
use waypost_packet::Pool;

use super::ring::ReceiveRing;
use super::send_ring::{Layout, SendRing};
use super::{AfPacket, Outgoing};
use crate::pace::Pace;
use crate::sys::{self, Mapping};
use crate::transmit::Pending;
use crate::{CallSubject, DeviceStatistics, Namespace, OpenError};

/// Of linux/if_packet.h, where `libc` does not have it.
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
/// Likewise: a group has its own hook, to which the option of its members does not reach.
const FANOUT_IGNORE_OUTGOING: u32 = 0x4000;

/// Which interface to open, and how.
#[derive(Clone, Debug)]
#[must_use]
pub struct AfPacketBuilder {
    name: String,
    namespace: Namespace,
    promiscuous: bool,
    qdisc_bypass: bool,
    ring_octets: usize,
    send_slots: Option<usize>,
    fanout: Option<u16>,
    outgoing: bool,
    send_only: bool,
    pool: Option<Pool>,
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

    /// The size of the receive ring, in octets: rounded up to whole blocks of 256 KiB; 8 MiB by default. The kernel hands a block
    /// over after a millisecond, however little is in it: nothing is lost for as many milliseconds as there are blocks at least.
    pub fn ring_octets(mut self, octets: usize) -> Self {
        self.ring_octets = octets;
        self
    }

    /// Sends by a ring of at least so many slots, shared with the kernel, instead of by `sendmmsg(2)`: see the [module](super) for
    /// when. A slot holds one frame of the interface's MTU, with a VLAN tag; whole blocks of slots are made, 16,384 at most.
    /// Super-segments do not fit: the [capabilities](waypost_netdev::NetDev::capabilities) say so.
    pub fn transmit_ring(mut self, slots: usize) -> Self {
        self.send_slots = Some(slots);
        self
    }

    /// Shares the interface's frames with all that join the same group, by a hash of the flow; fragments stay what they are, and go
    /// by their addresses.
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

    /// The pool of the packets that will be sent: they go back to it in numbers, not one by one. Frames that are written into the
    /// device are of it, too; without one it makes a small one of its own.
    pub fn pool(mut self, pool: &Pool) -> Self {
        self.pool = Some(pool.clone());
        self
    }

    /// An interface by its name.
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            namespace: Namespace::Current,
            promiscuous: false,
            qdisc_bypass: false,
            ring_octets: 8 << 20,
            send_slots: None,
            fanout: None,
            outgoing: false,
            send_only: false,
            pool: None,
        }
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
        let failed = |about, call| move |source| OpenError::call(name, about, call, source);
        // Protocol 0: nothing is received before the ring stands.
        let socket = sys::packet_socket(name, libc::SOCK_NONBLOCK)?;
        let fd = socket.as_fd();
        let interface = sys::interface(fd, name)?;
        let set = |option, value: libc::c_int, call| {
            sys::set_option(fd, libc::SOL_PACKET, option, value)
                .map_err(failed(CallSubject::Socket, call))
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
        let medium = interface.address.map_or(Medium::Ip, Medium::Ethernet);
        let (ring, outgoing) = self.rings(fd, interface.mtu, medium)?;
        if self.promiscuous {
            sys::set_promiscuous(fd, interface.index)
                .map_err(failed(CallSubject::Interface, "making it promiscuous"))?;
        }
        bind(fd, interface.index, !self.send_only)
            .map_err(failed(CallSubject::Interface, "binding to it"))?;
        if let Some(group) = self.fanout {
            // Not with PACKET_FANOUT_FLAG_DEFRAG: what came in fragments would be longer than what may be sent.
            let flags = if self.outgoing {
                0
            } else {
                FANOUT_IGNORE_OUTGOING
            };
            let kind = libc::PACKET_FANOUT_HASH | flags;
            set(
                libc::PACKET_FANOUT,
                (u32::from(group) | kind << 16) as _,
                "joining the fanout group",
            )?;
        }
        let capabilities = Capabilities {
            medium,
            mtu: interface.mtu,
            offloads: Offloads {
                checksum: true,
                tcp_segmentation: self.send_slots.is_none(),
                udp_segmentation: self.send_slots.is_none(),
                vlan_insertion: false,
            },
        };
        Ok(AfPacket {
            ring,
            socket,
            capabilities,
            outgoing,
            statistics: DeviceStatistics::default(),
            trouble: None,
            pace: Pace::default(),
        })
    }

    /// Makes the rings that were asked for. Both lie in one mapping, that for receiving first.
    fn rings(
        &self,
        socket: BorrowedFd<'_>,
        mtu: usize,
        medium: Medium,
    ) -> Result<(Option<ReceiveRing>, Outgoing), OpenError> {
        let failed = |about, call| move |source| OpenError::call(&self.name, about, call, source);
        let receive = match self.send_only {
            true => 0,
            false => ReceiveRing::request(socket, self.ring_octets)
                .map_err(failed(CallSubject::Socket, "making the receive ring"))?,
        };
        let layout = self
            .send_slots
            .map(|slots| Layout::new(slots, mtu, medium.header_len()));
        if let Some(layout) = &layout {
            layout
                .request(socket)
                .map_err(failed(CallSubject::Socket, "making the transmit ring"))?;
        }
        let len = receive + layout.as_ref().map_or(0, Layout::len);
        if len == 0 {
            return Ok((None, Outgoing::Packets(Pending::new(self.pool.as_ref())?)));
        }
        let mapped = failed(CallSubject::Socket, "mapping the rings");
        let mapping = Arc::new(Mapping::new(socket, len, 0).map_err(mapped)?);
        let outgoing = match layout {
            None => Outgoing::Packets(Pending::new(self.pool.as_ref())?),
            Some(layout) => Outgoing::Ring(
                SendRing::new(Arc::clone(&mapping), receive, layout)
                    .ok_or_else(|| mapped(io::ErrorKind::InvalidData.into()))?,
            ),
        };
        let ring = (!self.send_only).then(|| ReceiveRing::new(mapping, receive));
        Ok((ring, outgoing))
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
