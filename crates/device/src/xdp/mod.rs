//! AF_XDP: a queue of a Linux interface, through four rings over the region of a pool.
//!
//! Frames arrive as packets of the pool, where the kernel or the card has written them, and packets of the pool leave as they
//! lie. All devices over a [`Umem`] share its region: from one to the other nothing is copied in this process.
//!
//! The kernel's own stack does not see what is received so. Whether the driver hands frames over or the kernel's generic path,
//! and whether the card uses the region by itself (*zero copy*), is found out by asking; zero copy was never run for want of such
//! a card.
//!
//! AF_XDP says nothing of unfinished frames: one has to see to it that none come ([`Peer`]). What is sent must be finished too;
//! [`Capabilities`] say so.

#[allow(unsafe_code)]
mod bpf;
mod receiver;
#[allow(unsafe_code)]
mod ring;
mod sender;
#[allow(unsafe_code)]
mod socket;
#[allow(unsafe_code)]
mod umem;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use waypost_netdev::{Capabilities, DeviceError, Medium, NetDev, Offloads, Wakeup};
use waypost_packet::{Packet, PoolTx};
use waypost_wire::Instant;

use crate::ethtool::{self, Quieted};
use crate::{CallSubject, DeviceStatistics, Namespace, OpenError, sys};
use bpf::Program;
use ring::{Consumer, Producer};
use socket::Sizes;
use umem::{CHUNK, Socket};

pub use bpf::XdpMode;
pub use receiver::XdpReceiver;
pub use sender::XdpSender;
pub use umem::Umem;

/// The kernel writes a frame so far behind the start of its chunk (`XDP_PACKET_HEADROOM`).
const HEADROOM: usize = 256;

/// The longest frame, with its link header.
const FRAME_MAX: usize = CHUNK - HEADROOM;

/// An Ethernet header and one VLAN tag.
const LINK_HEADER: usize = 18;

/// Packets that a busy-polled driver handles in one call.
const BUSY_BUDGET: u32 = 64;

/// Which queues of which interface to open, and how.
#[derive(Clone, Debug)]
#[must_use]
pub struct XdpBuilder {
    name: String,
    namespace: Namespace,
    queue: u32,
    mode: Option<XdpMode>,
    zero_copy: Option<bool>,
    ring: u32,
    send_only: bool,
    promiscuous: bool,
    busy_polling: Option<u32>,
    peer: Option<Peer>,
}

/// Who is at the other end of a virtual wire.
///
/// Hosts leave checksums, and the splitting of super-segments, to their interfaces. A virtual wire (veth) does neither: it tells
/// the other side, and AF_XDP has no place for what it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// This interface, which is told to finish its frames before they leave; when the device is closed it is told what it was
    /// told before.
    Told {
        /// Where it is.
        namespace: Namespace,
        /// Its name.
        name: String,
    },
    /// Somebody who sends finished frames only.
    Finishes,
}

impl XdpBuilder {
    /// The network namespace in which the interface lies.
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = namespace;
        self
    }

    /// The queue, or the first of several; 0 by default.
    pub fn queue(mut self, queue: u32) -> Self {
        self.queue = queue;
        self
    }

    /// Where frames are taken; by default in the driver if it can, else in the kernel's generic path.
    pub fn mode(mut self, mode: XdpMode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Insists that the card uses the region by itself, or that it does not; by default it does if it can.
    pub fn zero_copy(mut self, zero_copy: bool) -> Self {
        self.zero_copy = Some(zero_copy);
        self
    }

    /// Entries of each ring, rounded up to a power of two; 2048 by default. So many frames of the pool each queue has at the
    /// kernel to be received into, and so many at most to be sent.
    pub fn ring(mut self, entries: u32) -> Self {
        self.ring = entries;
        self
    }

    /// Receives nothing: no program is attached, and the kernel goes on to receive what comes in.
    pub fn send_only(mut self) -> Self {
        self.send_only = true;
        self
    }

    /// Receives frames for other link addresses too.
    pub fn promiscuous(mut self, promiscuous: bool) -> Self {
        self.promiscuous = promiscuous;
        self
    }

    /// Drives the interface from the calls of this process, for so many microseconds at a time, instead of by interrupts: for
    /// workers that do not sleep.
    pub fn busy_polling(mut self, micros: u32) -> Self {
        self.busy_polling = Some(micros);
        self
    }

    /// Who is at the other end: to be said of a virtual wire through which frames are received.
    pub fn peer(mut self, peer: Peer) -> Self {
        self.peer = Some(peer);
        self
    }

    /// Opens the queue.
    ///
    /// # Errors
    /// There is no such interface, queue or namespace, the kernel refuses, or the pool has not the frames.
    pub fn open(self, umem: &Umem) -> Result<Xdp, OpenError> {
        let mut devices = self.open_queues(1, umem)?;
        // As many as asked for.
        devices.pop().ok_or(OpenError::NoFrames { wanted: 0 })
    }

    /// Opens so many queues, from the first on, that share one program.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_queues(self, count: u32, umem: &Umem) -> Result<Vec<Xdp>, OpenError> {
        let namespace = self.namespace.clone();
        namespace.run(|| self.open_here(count, umem))
    }

    fn open_here(&self, count: u32, umem: &Umem) -> Result<Vec<Xdp>, OpenError> {
        let name = &self.name;
        let failed = |about, call| move |source| OpenError::call(name, about, call, source);
        let control = sys::packet_socket(name, 0)?;
        let interface = sys::interface(control.as_fd(), name)?;
        if interface.mtu + LINK_HEADER > FRAME_MAX {
            return Err(OpenError::FramesTooLong {
                device: name.clone(),
                mtu: interface.mtu,
                limit: FRAME_MAX - LINK_HEADER,
            });
        }
        let quieted = self.quiet_peer(control.as_fd())?;
        if self.promiscuous {
            sys::set_promiscuous(control.as_fd(), interface.index)
                .map_err(failed(CallSubject::Interface, "making it promiscuous"))?;
        }
        let index = interface.index.cast_unsigned();
        let queues = self.queue.saturating_add(count);
        let program = match self.send_only {
            true => None,
            false => Some(Arc::new(Program::attach(name, index, queues, self.mode)?)),
        };
        let capabilities = Capabilities {
            medium: interface.address.map_or(Medium::Ip, Medium::Ethernet),
            mtu: interface.mtu,
            offloads: Offloads::default(),
        };
        let shared = Arc::new(Interface {
            _control: control,
            _quieted: quieted,
            index,
        });
        let queues = self.queue..queues;
        queues
            .map(|queue| {
                self.open_queue(index, queue, umem, program.as_ref(), capabilities, &shared)
            })
            .collect()
    }

    /// Sees to it that no unfinished frames come.
    fn quiet_peer(&self, control: BorrowedFd<'_>) -> Result<Option<Quieted>, OpenError> {
        match &self.peer {
            _ if self.send_only => Ok(None),
            Some(Peer::Finishes) => Ok(None),
            Some(Peer::Told { namespace, name }) => ethtool::quiet(namespace, name).map(Some),
            None if ethtool::driver(control, &self.name).as_deref() == Some("veth") => {
                Err(OpenError::UnfinishedFrames {
                    device: self.name.clone(),
                })
            }
            None => Ok(None),
        }
    }

    fn open_queue(
        &self,
        interface: u32,
        queue: u32,
        umem: &Umem,
        program: Option<&Arc<Program>>,
        capabilities: Capabilities,
        shared: &Arc<Interface>,
    ) -> Result<Xdp, OpenError> {
        let name = &self.name;
        let failed = |about, call| move |source| OpenError::call(name, about, call, source);
        let ring = self.ring.clamp(64, 1 << 16).next_power_of_two();
        let sizes = Sizes {
            receive: program.map(|_| ring),
            send: Some(ring),
            fill: 2 * ring,
            completion: ring,
        };
        let mut offsets = None;
        let socket = umem.open(|other| {
            let (socket, at) = socket::open(&sizes)
                .map_err(failed(CallSubject::Socket, "making rings with the kernel"))?;
            if other.is_none() {
                let region = umem.pool().region();
                let len = region.len() / CHUNK * CHUNK;
                // SAFETY: the socket keeps the pool and with it the region, and the kernel is told of frames only that are owned
                // by the device's table of held frames.
                #[allow(unsafe_code)]
                unsafe {
                    socket::register(
                        socket.as_fd(),
                        region.start().as_ptr().expose_provenance(),
                        len,
                        CHUNK,
                    )
                }
                .map_err(failed(
                    CallSubject::Xdp,
                    "registering the pool's memory for AF_XDP",
                ))?;
            }
            if let Some(micros) = self.busy_polling {
                socket::set_busy_polling(socket.as_fd(), micros, BUSY_BUDGET)
                    .map_err(failed(CallSubject::Interface, "asking for busy polling"))?;
            }
            socket::set_send_budget(socket.as_fd(), ring);
            let flags = match self.zero_copy {
                Some(true) => libc::XDP_ZEROCOPY,
                Some(false) => libc::XDP_COPY,
                None => 0,
            };
            socket::bind(socket.as_fd(), interface, queue, flags, other)
                .map_err(|source| bind_error(name, queue, source))?;
            let zero_copy = socket::is_zero_copy(socket.as_fd());
            if self.zero_copy.is_some_and(|wanted| wanted != zero_copy) {
                let source = io::Error::from_raw_os_error(libc::EOPNOTSUPP);
                return Err(OpenError::call(
                    name,
                    CallSubject::Xdp,
                    "binding in the mode asked for",
                    source,
                ));
            }
            offsets = Some(at);
            Ok(Socket::new(
                socket,
                queue,
                zero_copy,
                program.cloned(),
                shared,
                umem.pool(),
            ))
        })?;
        let fd = socket.fd.as_fd();
        let mapped = failed(CallSubject::Socket, "mapping the rings");
        let offsets = offsets.ok_or_else(|| mapped(io::ErrorKind::InvalidData.into()))?;
        let send =
            Producer::new(fd, libc::XDP_PGOFF_TX_RING as u64, &offsets.tx, ring).map_err(mapped)?;
        let done = Consumer::new(fd, libc::XDP_UMEM_PGOFF_COMPLETION_RING, &offsets.cr, ring)
            .map_err(mapped)?;
        let sender = XdpSender::new(Arc::clone(&socket), capabilities, send, done, umem);
        let receiver = match program {
            None => None,
            Some(program) => {
                let received = Consumer::new(fd, libc::XDP_PGOFF_RX_RING as u64, &offsets.rx, ring)
                    .map_err(mapped)?;
                let fill =
                    Producer::new(fd, libc::XDP_UMEM_PGOFF_FILL_RING, &offsets.fr, sizes.fill)
                        .map_err(mapped)?;
                let receiver = XdpReceiver::new(
                    Arc::clone(&socket),
                    capabilities,
                    received,
                    fill,
                    umem,
                    ring,
                    self.busy_polling.is_some(),
                )?;
                program.set(queue, fd).map_err(failed(
                    CallSubject::Xdp,
                    "giving the queue's frames to the socket",
                ))?;
                Some(receiver)
            }
        };
        Ok(Xdp { receiver, sender })
    }
}

fn bind_error(name: &str, queue: u32, source: io::Error) -> OpenError {
    match source.raw_os_error() {
        Some(libc::EINVAL | libc::ERANGE) => OpenError::NoQueue {
            device: name.to_owned(),
            queue,
        },
        _ => OpenError::call(
            name,
            CallSubject::Xdp,
            "binding an AF_XDP socket to its queue",
            source,
        ),
    }
}

/// What the queues of an interface have in common, beside the program.
#[derive(Debug)]
struct Interface {
    index: u32,
    /// Keeps the interface promiscuous.
    _control: OwnedFd,
    _quieted: Option<Quieted>,
}

/// A queue of a Linux interface, by an AF_XDP socket.
#[derive(Debug)]
pub struct Xdp {
    receiver: Option<XdpReceiver>,
    sender: XdpSender,
}

impl Xdp {
    /// An interface by its name.
    pub fn builder(name: impl Into<String>) -> XdpBuilder {
        XdpBuilder {
            name: name.into(),
            namespace: Namespace::Current,
            queue: 0,
            mode: None,
            zero_copy: None,
            ring: 2048,
            send_only: false,
            promiscuous: false,
            busy_polling: None,
            peer: None,
        }
    }

    /// What was counted since the device was opened.
    pub fn statistics(&mut self) -> DeviceStatistics {
        let sent = self.sender.statistics();
        let received = self.receiver.as_mut().map(XdpReceiver::statistics);
        DeviceStatistics {
            sent: sent.sent,
            sent_octets: sent.sent_octets,
            refused: sent.refused,
            ..received.unwrap_or_default()
        }
    }

    /// The two directions, for two owners; nothing is received by a device opened for sending.
    pub fn split(self) -> (Option<XdpReceiver>, XdpSender) {
        (self.receiver, self.sender)
    }
}

impl NetDev for Xdp {
    type RxFrame<'a> = Packet;
    type TxFrame<'a> = PoolTx<'a>;

    fn capabilities(&self) -> Capabilities {
        self.sender.capabilities
    }

    fn receive(
        &mut self,
        now: Instant,
        max: usize,
        each: impl FnMut(Packet),
    ) -> Result<usize, DeviceError> {
        match &mut self.receiver {
            Some(receiver) => receiver.receive(now, max, each),
            None => Ok(0),
        }
    }

    fn transmit(
        &mut self,
        now: Instant,
        max: usize,
        each: impl FnMut(PoolTx<'_>),
    ) -> Result<usize, DeviceError> {
        self.sender.transmit(now, max, each)
    }

    fn room(&mut self, now: Instant) -> usize {
        self.sender.room(now)
    }

    fn unsent(&self) -> usize {
        self.sender.unsent()
    }

    fn counted(&self) -> Option<DeviceStatistics> {
        let sent = self.sender.counted()?;
        let received = self.receiver.as_ref().and_then(XdpReceiver::counted);
        Some(DeviceStatistics {
            sent: sent.sent,
            sent_octets: sent.sent_octets,
            refused: sent.refused,
            ..received.unwrap_or_default()
        })
    }

    fn overruns(&mut self) -> u64 {
        self.receiver.as_mut().map_or(0, XdpReceiver::overruns)
    }

    fn wants_memory(&self) -> bool {
        let receiver = self.receiver.as_ref();
        receiver.is_some_and(XdpReceiver::wants_memory)
    }

    fn wakeup(&self) -> Wakeup {
        self.sender.wakeup()
    }
}

impl AsFd for Xdp {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sender.as_fd()
    }
}
