//! Calls of the operating system that have no safe form elsewhere.

use std::ffi::c_int;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;

use waypost_wire::MacAddr;

use crate::error::interface_names;
use crate::{CallSubject, OpenError};

/// A socket.
pub(crate) fn socket(domain: c_int, kind: c_int, protocol: c_int) -> io::Result<OwnedFd> {
    // SAFETY: no pointers; the descriptor returned is new, and owned by nobody else.
    unsafe {
        let fd = libc::socket(domain, kind | libc::SOCK_CLOEXEC, protocol);
        if fd < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(OwnedFd::from_raw_fd(fd))
        }
    }
}

/// A packet socket for an interface. Who may not have one is told all the same that the interface is not there.
pub(crate) fn packet_socket(name: &str, flags: c_int) -> Result<OwnedFd, OpenError> {
    socket(libc::AF_PACKET, libc::SOCK_RAW | flags, 0).or_else(|source| {
        if let Ok(other) = socket(libc::AF_INET, libc::SOCK_DGRAM, 0) {
            interface(other.as_fd(), name)?;
        }
        Err(OpenError::call(
            name,
            CallSubject::Socket,
            "opening a packet socket",
            source,
        ))
    })
}

/// `setsockopt(2)` with a value that the option's documentation asks for.
pub(crate) fn set_option<T: Copy>(
    socket: BorrowedFd<'_>,
    level: c_int,
    option: c_int,
    value: T,
) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of a value that lives through the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// `getsockopt(2)` for a plain value, of which any octets are valid.
///
/// # Safety
/// `T` is a type of the kernel's interface: plain integers.
pub(crate) unsafe fn option<T: Copy>(
    socket: BorrowedFd<'_>,
    level: c_int,
    option: c_int,
) -> io::Result<T> {
    // SAFETY: a zeroed value of plain integers is valid; pointer and length are its own.
    unsafe {
        let mut value: T = std::mem::zeroed();
        let mut len = size_of::<T>() as libc::socklen_t;
        let result = libc::getsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw mut value).cast(),
            &mut len,
        );
        if result == 0 {
            Ok(value)
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

/// The error that lies with a socket, and is gone then; 0 for none.
pub(crate) fn socket_error(socket: BorrowedFd<'_>) -> c_int {
    // SAFETY: a plain integer.
    unsafe { option(socket, libc::SOL_SOCKET, libc::SO_ERROR).unwrap_or(0) }
}

/// A request about an interface, with its name filled in.
pub(crate) fn interface_request(name: &str) -> Result<libc::ifreq, OpenError> {
    let fits = !name.is_empty() && name.len() < libc::IFNAMSIZ && !matches!(name, "." | "..");
    let is_foreign =
        |byte: u8| matches!(byte, b'/' | b':' | 0 | 0x0b) || byte.is_ascii_whitespace();
    if !fits || name.bytes().any(is_foreign) {
        return Err(OpenError::BadName(name.to_owned()));
    }
    // SAFETY: plain integers and arrays, of which zero is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *place = byte as libc::c_char;
    }
    Ok(request)
}

/// `ioctl(2)` on an interface request.
pub(crate) fn interface_ioctl(
    socket: BorrowedFd<'_>,
    request: libc::c_ulong,
    argument: &mut libc::ifreq,
) -> io::Result<()> {
    // SAFETY: the requests that this crate makes read and write one `ifreq`, and what it points to.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), request as _, &raw mut *argument) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// A request to an interface's driver, as linux/ethtool.h has them.
///
/// # Safety
/// `T` is what the command at its beginning reads and writes.
pub(crate) unsafe fn ethtool<T>(
    socket: BorrowedFd<'_>,
    name: &str,
    value: &mut T,
) -> io::Result<()> {
    let mut request = interface_request(name).map_err(io::Error::other)?;
    request.ifr_ifru.ifru_data = (&raw mut *value).cast();
    interface_ioctl(socket, libc::SIOCETHTOOL, &mut request)
}

/// Whether an interface is set up, and there; its name may have changed since somebody asked for it.
pub(crate) fn is_up(socket: BorrowedFd<'_>, interface: c_int) -> bool {
    /// Of linux/sockios.h, where `libc` does not have it.
    const SIOCGIFNAME: libc::c_ulong = 0x8910;
    // SAFETY: plain integers, of which zero is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_ifru.ifru_ifindex = interface;
    let asked = interface_ioctl(socket, SIOCGIFNAME, &mut request)
        .and_then(|()| interface_ioctl(socket, libc::SIOCGIFFLAGS, &mut request));
    // SAFETY: the kernel has filled the flags in.
    asked.is_ok() && unsafe { request.ifr_ifru.ifru_flags } & libc::IFF_UP as libc::c_short != 0
}

/// Makes an interface receive frames for other link addresses too, for as long as the packet socket is open.
pub(crate) fn set_promiscuous(socket: BorrowedFd<'_>, interface: c_int) -> io::Result<()> {
    let request = libc::packet_mreq {
        mr_ifindex: interface,
        mr_type: libc::PACKET_MR_PROMISC as _,
        mr_alen: 0,
        mr_address: [0; 8],
    };
    set_option(
        socket,
        libc::SOL_PACKET,
        libc::PACKET_ADD_MEMBERSHIP,
        request,
    )
}

/// What this crate asks of an interface.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interface {
    pub(crate) index: c_int,
    pub(crate) mtu: usize,
    /// The link address; `None` where frames begin with an IP header.
    pub(crate) address: Option<MacAddr>,
}

/// Looks an interface up by its name, in the namespace of the calling thread.
pub(crate) fn interface(socket: BorrowedFd<'_>, name: &str) -> Result<Interface, OpenError> {
    let mut request = interface_request(name)?;
    let ask = |code, request: &mut libc::ifreq, call| {
        interface_ioctl(socket, code, request).map_err(|source| match source.raw_os_error() {
            Some(libc::ENODEV) => OpenError::NoInterface {
                name: name.to_owned(),
                known: interface_names(),
            },
            _ => OpenError::call(name, CallSubject::Interface, call, source),
        })
    };
    ask(libc::SIOCGIFINDEX, &mut request, "asking for its index")?;
    // SAFETY: each field of the union is plain, and the call before wrote the one that is read.
    let index = unsafe { request.ifr_ifru.ifru_ifindex };
    ask(libc::SIOCGIFMTU, &mut request, "asking for its MTU")?;
    // SAFETY: as above.
    let mtu = unsafe { request.ifr_ifru.ifru_mtu };
    ask(
        libc::SIOCGIFHWADDR,
        &mut request,
        "asking for its link address",
    )?;
    // SAFETY: as above.
    let address = unsafe { request.ifr_ifru.ifru_hwaddr };
    let ethernet = matches!(
        address.sa_family,
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK
    );
    let octets: [u8; 6] = std::array::from_fn(|at| address.sa_data[at] as u8);
    let address = ethernet.then(|| MacAddr::from(octets));
    Ok(Interface {
        index,
        mtu: usize::try_from(mtu).unwrap_or(0),
        address,
    })
}

/// Sets an interface's MTU.
pub(crate) fn set_mtu(socket: BorrowedFd<'_>, name: &str, mtu: u16) -> io::Result<()> {
    let mut request = interface_request(name).map_err(io::Error::other)?;
    request.ifr_ifru.ifru_mtu = mtu.into();
    interface_ioctl(socket, libc::SIOCSIFMTU, &mut request)
}

/// Gives an interface an Ethernet address.
pub(crate) fn set_link_address(
    socket: BorrowedFd<'_>,
    name: &str,
    address: MacAddr,
) -> io::Result<()> {
    let mut request = interface_request(name).map_err(io::Error::other)?;
    let mut sa_data = [0; 14];
    for (to, octet) in sa_data.iter_mut().zip(address.octets()) {
        *to = octet as libc::c_char;
    }
    request.ifr_ifru.ifru_hwaddr = libc::sockaddr {
        sa_family: libc::ARPHRD_ETHER,
        sa_data,
    };
    interface_ioctl(socket, libc::SIOCSIFHWADDR, &mut request)
}

/// Gives an interface an IPv4 address and its mask, and sets it up.
pub(crate) fn set_address(
    socket: BorrowedFd<'_>,
    name: &str,
    address: Ipv4Addr,
    length: u8,
) -> io::Result<()> {
    let mut request = interface_request(name).map_err(io::Error::other)?;
    let mask = u32::MAX
        .checked_shl(32 - u32::from(length.min(32)))
        .unwrap_or(0);
    for (code, address) in [
        (libc::SIOCSIFADDR, address),
        (libc::SIOCSIFNETMASK, Ipv4Addr::from(mask)),
    ] {
        let mut octets = [0; 14];
        octets[2..6].copy_from_slice(&address.octets());
        let sa_data = octets.map(|octet| octet as libc::c_char);
        request.ifr_ifru.ifru_addr = libc::sockaddr {
            sa_family: libc::AF_INET as _,
            sa_data,
        };
        interface_ioctl(socket, code, &mut request)?;
    }
    interface_ioctl(socket, libc::SIOCGIFFLAGS, &mut request)?;
    // SAFETY: plain integers, and the call before wrote the one that is read.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    request.ifr_ifru.ifru_flags = flags | libc::IFF_UP as libc::c_short;
    interface_ioctl(socket, libc::SIOCSIFFLAGS, &mut request)
}

/// Sets the calling process's socket non-blocking.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(fd)?;
    Ok(rustix::fs::fcntl_setfl(
        fd,
        flags | rustix::fs::OFlags::NONBLOCK,
    )?)
}

/// Memory shared with the kernel.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

impl Mapping {
    /// Maps `len` octets of a file at `offset`, for reading and writing.
    pub(crate) fn new(fd: BorrowedFd<'_>, len: usize, offset: u64) -> io::Result<Self> {
        use rustix::mm::{MapFlags, ProtFlags, mmap};
        let (protection, flags) = (
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::SHARED | MapFlags::POPULATE,
        );
        // SAFETY: the kernel chooses the address: no memory in use is replaced.
        let start = unsafe { mmap(std::ptr::null_mut(), len, protection, flags, fd, offset)? };
        // A successful mapping is not at address zero.
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len })
    }

    /// The address of the first octet.
    #[inline(always)]
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// The address of the octet at `offset`, of which `len` are to be used; `None` if they are not all inside.
    #[inline(always)]
    pub(crate) fn at(&self, offset: usize, len: usize) -> Option<NonNull<u8>> {
        let fits = offset.checked_add(len).is_some_and(|end| end <= self.len);
        // SAFETY: inside the mapping, as just seen.
        fits.then(|| unsafe { self.start.add(offset) })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, with this length; whoever got an address from `at` is gone with
        // the device that owns the mapping. Unmapping a valid mapping does not fail.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

// SAFETY: memory is not tied to a thread; access to it is by the exclusive borrow of whoever owns that part.
unsafe impl Send for Mapping {}
// SAFETY: a shared mapping gives out addresses alone.
unsafe impl Sync for Mapping {}
