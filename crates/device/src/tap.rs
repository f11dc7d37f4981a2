//! TAP and TUN: an interface of the kernel whose other end is this process.
//!
//! Frames cross with the kernel's own description of what is unfinished in them: the hosts' TCP hands
//! over super-segments of 64 KiB, and takes them.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use waypost_netdev::{
    Capabilities, DeviceError, FrameMeta, LentRx, Medium, NetDev, Offloads, Wakeup,
};
use waypost_packet::{Pool, PoolTx};
use waypost_wire::{Instant, MacAddr};

use crate::transmit::{FRAME_MAX, Pending, Taken, taken_by};
use crate::{CallSubject, DeviceStatistics, Namespace, OpenError, sys, vnet};

/// Of linux/if_tun.h.
const OFFLOAD_CHECKSUM: libc::c_uint = 0x01;
const OFFLOAD_TCP4: libc::c_uint = 0x02;
const OFFLOAD_TCP6: libc::c_uint = 0x04;
const OFFLOAD_TCP_ECN: libc::c_uint = 0x08;
const OFFLOAD_UDP4: libc::c_uint = 0x20;
const OFFLOAD_UDP6: libc::c_uint = 0x40;

/// Which interface to open, and how.
#[derive(Clone, Debug)]
#[must_use]
pub struct TapBuilder {
    name: String,
    namespace: Namespace,
    tun: bool,
    multi_queue: bool,
    offloads: bool,
    settings: Settings,
    late: bool,
    pool: Option<Pool>,
}

impl TapBuilder {
    /// The network namespace in which the interface lies, or is made.
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = namespace;
        self
    }

    /// Frames begin with an IP header, without a link header.
    pub fn tun(mut self) -> Self {
        self.tun = true;
        self
    }

    /// The interface may be opened several times, and spreads flows over those who have it open.
    pub fn multi_queue(mut self) -> Self {
        self.multi_queue = true;
        self
    }

    /// Whether unfinished checksums and super-segments cross; they do by default.
    pub fn offloads(mut self, offloads: bool) -> Self {
        self.offloads = offloads;
        self
    }

    /// Leaves an interface that is there already as it is until [`Tap::set_up`]; whether its settings may be made is found out
    /// before. One that is made here has them at once: it is gone with this device.
    pub fn late(mut self) -> Self {
        self.late = true;
        self
    }

    /// Gives the kernel's end this Ethernet address; the kernel draws one by default. A TUN interface has none.
    pub fn link_address(mut self, address: MacAddr) -> Self {
        self.settings.link_address = Some(address);
        self
    }

    /// Gives the kernel's end an address and its prefix's length, and sets it up.
    pub fn address(mut self, address: Ipv4Addr, length: u8) -> Self {
        self.settings.address = Some((address, length));
        self
    }

    /// The interface's MTU, in octets.
    pub fn mtu(mut self, octets: u16) -> Self {
        self.settings.mtu = Some(octets);
        self
    }

    /// The pool of the packets that will be sent: they go back to it in numbers, not one by one. Frames that are written into the
    /// device are of it, too; without one it makes a small one of its own.
    pub fn pool(mut self, pool: &Pool) -> Self {
        self.pool = Some(pool.clone());
        self
    }

    /// Opens the interface, or makes it: then it lives as long as this device.
    ///
    /// # Errors
    /// The name is none, there is no such namespace, or the kernel refuses.
    pub fn open(self) -> Result<Tap, OpenError> {
        let namespace = self.namespace.clone();
        namespace.run(|| self.open_here())
    }

    fn open_here(&self) -> Result<Tap, OpenError> {
        let failed = |about, call| move |source| OpenError::call(&self.name, about, call, source);
        if self.name.replacen("%d", "", 1).contains('%') {
            return Err(OpenError::BadName(self.name.clone()));
        }
        let mut request = sys::interface_request(&self.name)?;
        let socket = sys::socket(libc::AF_INET, libc::SOCK_DGRAM, 0)
            .map_err(failed(CallSubject::Interface, "opening a socket"))?;
        let before = sys::interface(socket.as_fd(), &self.name).ok();
        let file = File::options()
            .read(true)
            .write(true)
            .open("/dev/net/tun")
            .map_err(failed(CallSubject::TunFile, "opening /dev/net/tun"))?;
        let kind = if self.tun {
            libc::IFF_TUN
        } else {
            libc::IFF_TAP
        };
        let queues = if self.multi_queue {
            libc::IFF_MULTI_QUEUE
        } else {
            0
        };
        request.ifr_ifru.ifru_flags =
            (kind | queues | libc::IFF_NO_PI | libc::IFF_VNET_HDR) as libc::c_short;
        sys::interface_ioctl(file.as_fd(), libc::TUNSETIFF as _, &mut request).map_err(failed(
            CallSubject::TunInterface,
            "making the tun interface",
        ))?;
        let name = name_of(&request);
        let mut offloads = 0;
        if self.offloads {
            let tcp = OFFLOAD_CHECKSUM | OFFLOAD_TCP4 | OFFLOAD_TCP6 | OFFLOAD_TCP_ECN;
            // Kernels before 6.2 know no UDP super-segments.
            offloads = if set_offloads(&file, tcp | OFFLOAD_UDP4 | OFFLOAD_UDP6).is_ok() {
                tcp | OFFLOAD_UDP4 | OFFLOAD_UDP6
            } else {
                set_offloads(&file, tcp).map_err(failed(
                    CallSubject::TunInterface,
                    "setting the tun interface's offloads",
                ))?;
                tcp
            };
        }
        sys::set_nonblocking(file.as_fd())
            .map_err(failed(CallSubject::Interface, "making it non-blocking"))?;
        let late = before.filter(|_| self.late && self.settings != Settings::default());
        match &late {
            None => self.settings.set(socket.as_fd(), &name)?,
            // It has this MTU already: all that this does is to tell whether the settings may be made.
            Some(it) => sys::set_mtu(socket.as_fd(), &name, it.mtu as u16)
                .map_err(failed(CallSubject::Interface, "setting its MTU"))?,
        }
        let interface = sys::interface(socket.as_fd(), &name)?;
        let address = interface.address.unwrap_or_else(|| MacAddr::from([0; 6]));
        let capabilities = Capabilities {
            medium: if self.tun {
                Medium::Ip
            } else {
                Medium::Ethernet(address)
            },
            mtu: interface.mtu,
            offloads: Offloads {
                checksum: true,
                tcp_segmentation: true,
                udp_segmentation: offloads & OFFLOAD_UDP4 != 0,
                vlan_insertion: false,
            },
        };
        let buffer = vec![0; FRAME_MAX].into_boxed_slice();
        Ok(Tap {
            file,
            capabilities,
            buffer,
            kept: None,
            index: interface.index.cast_unsigned(),
            pending: Pending::new(self.pool.as_ref())?,
            statistics: DeviceStatistics::default(),
            is_queue: self.multi_queue,
            late: late.map(|_| (socket, self.settings)),
            name,
        })
    }
}

/// What is set of the kernel's end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Settings {
    link_address: Option<MacAddr>,
    address: Option<(Ipv4Addr, u8)>,
    mtu: Option<u16>,
}

impl Settings {
    fn set(&self, socket: BorrowedFd<'_>, name: &str) -> Result<(), OpenError> {
        let about = CallSubject::Interface;
        let failed = |call| move |source| OpenError::call(name, about, call, source);
        if let Some(mtu) = self.mtu {
            sys::set_mtu(socket, name, mtu).map_err(failed("setting its MTU"))?;
        }
        // Before it is up: the kernel announces it then.
        if let Some(address) = self.link_address {
            sys::set_link_address(socket, name, address)
                .map_err(failed("giving it an Ethernet address"))?;
        }
        if let Some((address, length)) = self.address {
            sys::set_address(socket, name, address, length)
                .map_err(failed("giving it an address"))?;
        }
        Ok(())
    }
}

/// The name that the kernel has answered with.
fn name_of(request: &libc::ifreq) -> String {
    let octets = request.ifr_name.iter().map(|&octet| octet as u8);
    let octets: Vec<u8> = octets.take_while(|&octet| octet != 0).collect();
    String::from_utf8_lossy(&octets).into_owned()
}

fn set_offloads(file: &File, offloads: libc::c_uint) -> io::Result<()> {
    // SAFETY: the request takes a number, not a pointer.
    let result = unsafe {
        libc::ioctl(
            file.as_raw_fd(),
            libc::TUNSETOFFLOAD as _,
            libc::c_ulong::from(offloads),
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// A TAP or TUN interface.
#[derive(Debug)]
pub struct Tap {
    file: File,
    capabilities: Capabilities,
    buffer: Box<[u8]>,
    /// The frame in the buffer, if it was read and left there: its length, and its description.
    kept: Option<(usize, FrameMeta)>,
    pending: Pending,
    statistics: DeviceStatistics,
    index: u32,
    name: String,
    /// This may be one of several queues.
    is_queue: bool,
    /// What is to be set of the interface yet, by a socket in its namespace.
    late: Option<(OwnedFd, Settings)>,
}

impl Tap {
    /// An interface by its name, which is made if there is none. Where the name has `%d`, as in `tap%d`, one is made in any case, and the
    /// kernel puts the first number there that is free: see [`Tap::name`].
    pub fn builder(name: impl Into<String>) -> TapBuilder {
        let namespace = Namespace::Current;
        TapBuilder {
            name: name.into(),
            namespace,
            tun: false,
            multi_queue: false,
            offloads: true,
            settings: Settings::default(),
            late: false,
            pool: None,
        }
    }

    /// Makes the settings that [`TapBuilder::late`] has put off, if there are any.
    ///
    /// # Errors
    /// The kernel refuses one of them; those before it are made.
    pub fn set_up(&mut self) -> Result<(), OpenError> {
        let Some((socket, settings)) = self.late.take() else {
            return Ok(());
        };
        settings.set(socket.as_fd(), &self.name)?;
        let interface = sys::interface(socket.as_fd(), &self.name)?;
        self.capabilities.mtu = interface.mtu;
        if let (Medium::Ethernet(address), Some(now)) =
            (&mut self.capabilities.medium, interface.address)
        {
            *address = now;
        }
        Ok(())
    }

    /// The interface's name, as it was when it was opened.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The interface's index in its network namespace.
    pub fn interface_index(&self) -> u32 {
        self.index
    }

    /// What was counted since the interface was opened.
    pub fn statistics(&self) -> DeviceStatistics {
        self.statistics
    }

    /// Reads the next frame into the buffer, if none is there; says how long it is, and what its octets do not say.
    fn read(&mut self) -> Result<Option<(usize, FrameMeta)>, DeviceError> {
        if let Some(kept) = self.kept.take() {
            return Ok(Some(kept));
        }
        loop {
            let mut header = [0; vnet::LEN];
            let mut parts = [
                IoSliceMut::new(&mut header),
                IoSliceMut::new(&mut self.buffer),
            ];
            let len = match self.file.read_vectored(&mut parts) {
                Ok(len) => len.saturating_sub(vnet::LEN),
                Err(error) => match (error.kind(), error.raw_os_error()) {
                    (io::ErrorKind::WouldBlock, _) => return Ok(None),
                    (io::ErrorKind::Interrupted, _) => continue,
                    (_, Some(libc::EBADFD)) => return Err(DeviceError::Removed),
                    (_, number) => return Err(DeviceError::Os(number.unwrap_or(0))),
                },
            };
            match vnet::read(header) {
                Some(meta) => return Ok(Some((len, meta))),
                None => self.statistics.truncated += 1,
            }
        }
    }

    /// Offers what was accepted to the kernel.
    fn flush(&mut self) -> Result<(), DeviceError> {
        let (file, statistics) = (&mut self.file, &mut self.statistics);
        let refused = self.pending.flush(|packets| {
            let packet = &packets[0];
            let header = vnet::write(&packet.frame_meta(), packet.octets());
            #[allow(
                clippy::unused_io_amount,
                reason = "the kernel takes a frame whole or not at all"
            )]
            match file.write_vectored(&[IoSlice::new(&header), IoSlice::new(packet.octets())]) {
                Ok(_) => {
                    statistics.sent += 1;
                    statistics.sent_octets += packet.len() as u64;
                    Taken::Some(1)
                }
                Err(error) => taken_by(error.raw_os_error()),
            }
        })?;
        self.statistics.refused += refused;
        Ok(())
    }
}

impl NetDev for Tap {
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
            let Some((len, meta)) = self.read()? else {
                break;
            };
            let mut left = false;
            each(LentRx::new(&mut self.buffer[..len], meta, &mut left));
            if left {
                self.kept = Some((len, meta));
                break;
            }
            self.statistics.received += 1;
            self.statistics.received_octets += len as u64;
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
        if self.pending.len() > 0 {
            // An error is told by the next transmission.
            let _ = self.flush();
        }
        self.pending.room()
    }

    fn unsent(&self) -> usize {
        self.pending.len()
    }

    fn counted(&self) -> Option<DeviceStatistics> {
        Some(self.statistics)
    }

    fn wakeup(&self) -> Wakeup {
        Wakeup::Fd(self.file.as_raw_fd())
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        // Closing is not enough: a process that is just being started somewhere here has a duplicate of the descriptor for a while,
        // and so long this queue would go on to get its share of the interface's flows.
        if let (true, Ok(mut request)) = (self.is_queue, sys::interface_request(&self.name)) {
            request.ifr_ifru.ifru_flags = libc::IFF_DETACH_QUEUE as libc::c_short;
            // Fails only if the interface is gone.
            let _ = sys::interface_ioctl(self.file.as_fd(), libc::TUNSETQUEUE as _, &mut request);
        }
    }
}
