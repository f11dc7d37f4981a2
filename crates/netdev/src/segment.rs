//! Super-segments, split in software for a device that cannot.

use core::fmt;

use waypost_wire::Checksum;

use crate::offload::stored_sum;
use crate::{ChecksumState, FrameMeta, Medium, SegmentationKind};

/// The pieces of a super-segment, written one after the other into room that the caller brings.
///
/// What a sender's hardware would do: each piece has the headers of the whole with its own lengths, identification, sequence
/// number and finished checksums; FIN and PSH stand on the last piece (RFC 9293 §3.1), CWR on the first (RFC 3168 §6.1.2).
///
/// ```
/// use waypost_netdev::{ChecksumState, FrameMeta, Medium, Segmentation, SegmentationKind, Segments};
///
/// // IPv4, UDP with 5 octets of payload that are to travel by twos; the checksum holds the pseudo-header's sum.
/// let whole = [
///     0x45, 0, 0, 33, 0, 7, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, //
///     0, 53, 0, 53, 0, 13, 0x14, 0x21, b'a', b'b', b'c', b'd', b'e',
/// ];
/// let meta = FrameMeta {
///     checksum: ChecksumState::Partial { start: 20, offset: 6 },
///     segmentation: Some(Segmentation { size: 2, kind: SegmentationKind::Udp }),
///     ..FrameMeta::default()
/// };
/// let mut segments = Segments::new(&whole, &meta, Medium::Ip)?;
/// let mut room = [0; 64];
/// let mut payloads = Vec::new();
/// while let Some(len) = segments.next_len() {
///     segments.write_next(&mut room[..len]);
///     payloads.push(room[28..len].to_vec());
/// }
/// assert_eq!(payloads, [&b"ab"[..], b"cd", b"e"]);
/// # Ok::<(), waypost_netdev::SegmentError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    octets: &'a [u8],
    meta: FrameMeta,
    kind: SegmentationKind,
    /// Where the network header, the transport header and the payload begin.
    network: usize,
    transport: usize,
    payload: usize,
    /// Payload octets of each piece.
    size: usize,
    /// Payload octets written so far.
    done: usize,
    /// Pieces written so far.
    pieces: u16,
}

/// Why a super-segment cannot be split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SegmentError {
    /// The frame is none.
    Whole,
    /// Its headers and what its metadata says of them do not agree.
    Malformed,
}

impl fmt::Display for SegmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole => "the frame is no super-segment",
            Self::Malformed => "the super-segment's headers and its description do not agree",
        })
    }
}

impl core::error::Error for SegmentError {}

/// Offsets of fields in the headers of IPv4 (RFC 791 §3.1), IPv6 (RFC 8200 §3), TCP (RFC 9293 §3.1), UDP (RFC 768).
mod field {
    pub(super) use crate::offload::UDP_CHECKSUM;

    pub(super) const V4_LENGTH: usize = 2;
    pub(super) const V4_IDENTIFICATION: usize = 4;
    pub(super) const V4_CHECKSUM: usize = 10;
    pub(super) const V6_LENGTH: usize = 4;
    pub(super) const TCP_SEQUENCE: usize = 4;
    pub(super) const TCP_DATA_OFFSET: usize = 12;
    pub(super) const TCP_FLAGS: usize = 13;
    pub(super) const TCP_CHECKSUM: usize = 16;
    pub(super) const UDP_LENGTH: usize = 4;
}

const V4_HEADER: usize = 20;
const V6_HEADER: usize = 40;
const TCP_HEADER: usize = 20;
const UDP_HEADER: usize = 8;

const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const CWR: u8 = 0x80;

impl<'a> Segments<'a> {
    /// The pieces of the frame `octets`, which begins as `medium` says.
    ///
    /// # Errors
    /// The frame is no super-segment, or not what its metadata says.
    pub fn new(octets: &'a [u8], meta: &FrameMeta, medium: Medium) -> Result<Self, SegmentError> {
        let segmentation = meta.segmentation.ok_or(SegmentError::Whole)?;
        let ChecksumState::Partial { start, offset } = meta.checksum else {
            return Err(SegmentError::Malformed);
        };
        let network = network_offset(octets, medium).ok_or(SegmentError::Malformed)?;
        let this = Self {
            octets,
            meta: FrameMeta {
                checksum: ChecksumState::Unverified,
                segmentation: None,
                ..*meta
            },
            kind: segmentation.kind,
            network,
            transport: start.into(),
            payload: 0,
            size: segmentation.size.into(),
            done: 0,
            pieces: 0,
        };
        this.check(offset.into()).ok_or(SegmentError::Malformed)
    }

    /// Compares the headers with what the metadata says, and finds the payload.
    fn check(mut self, checksum: usize) -> Option<Self> {
        let header = self.transport.checked_sub(self.network)?;
        let version = self.octets.get(self.network)? >> 4;
        let fits = match version {
            4 => {
                header >= V4_HEADER
                    && header == usize::from(self.octets[self.network] & 0xf) * 4
                    && !matches!(self.kind, SegmentationKind::Tcp6 { .. })
            }
            6 => header >= V6_HEADER && !matches!(self.kind, SegmentationKind::Tcp4 { .. }),
            _ => false,
        };
        let (transport_header, at) = match self.kind {
            SegmentationKind::Udp => (UDP_HEADER, field::UDP_CHECKSUM),
            SegmentationKind::Tcp4 { .. } | SegmentationKind::Tcp6 { .. } => {
                let octet = self.octets.get(self.transport + field::TCP_DATA_OFFSET)?;
                (usize::from(octet >> 4) * 4, field::TCP_CHECKSUM)
            }
        };
        self.payload = self.transport + transport_header;
        let least = match self.kind {
            SegmentationKind::Udp => UDP_HEADER,
            _ => TCP_HEADER,
        };
        let payload = self.octets.len().checked_sub(self.payload)?;
        let longest = self.payload - self.network + self.size.min(payload);
        let good = fits
            && transport_header >= least
            && at == checksum
            && self.size > 0
            && longest <= usize::from(u16::MAX);
        good.then_some(self)
    }

    /// How long the next piece is, in octets with all headers; `None` behind the last.
    pub fn next_len(&self) -> Option<usize> {
        let left = self.octets.len() - self.payload - self.done;
        (left > 0 || self.pieces == 0).then(|| self.payload + left.min(self.size))
    }

    /// How many pieces are still to be written.
    pub fn left(&self) -> usize {
        let left = self.octets.len() - self.payload - self.done;
        left.div_ceil(self.size).max(usize::from(self.pieces == 0))
    }

    /// Writes the next piece, and says what its octets do not. `None`, and nothing is written, behind the last piece, or if
    /// `room` is not as long as [`next_len`](Self::next_len) says.
    pub fn write_next(&mut self, room: &mut [u8]) -> Option<FrameMeta> {
        if self.next_len()? != room.len() {
            return None;
        }
        let (headers, payload) = room.split_at_mut(self.payload);
        let from = self.payload + self.done;
        let to = from + payload.len();
        headers.copy_from_slice(self.octets.get(..self.payload)?);
        payload.copy_from_slice(self.octets.get(from..to)?);
        self.finish_network(room);
        self.finish_transport(room, to == self.octets.len());
        self.done += to - from;
        self.pieces = self.pieces.wrapping_add(1);
        Some(self.meta)
    }

    fn finish_network(&self, room: &mut [u8]) {
        let header = &mut room[self.network..];
        let len = header.len();
        if header[0] >> 4 == 6 {
            put16(header, field::V6_LENGTH, (len - V6_HEADER) as u16);
            return;
        }
        put16(header, field::V4_LENGTH, len as u16);
        let first = get16(header, field::V4_IDENTIFICATION);
        put16(
            header,
            field::V4_IDENTIFICATION,
            first.wrapping_add(self.pieces),
        );
        put16(header, field::V4_CHECKSUM, 0);
        let header = &mut header[..self.transport - self.network];
        let sum = Checksum::new().add_bytes(header).finish();
        put16(header, field::V4_CHECKSUM, sum);
    }

    fn finish_transport(&self, room: &mut [u8], last: bool) {
        let whole = (self.octets.len() - self.transport) as u32;
        let segment = &mut room[self.transport..];
        let len = segment.len() as u32;
        let at = match self.kind {
            SegmentationKind::Udp => {
                put16(segment, field::UDP_LENGTH, len as u16);
                field::UDP_CHECKSUM
            }
            SegmentationKind::Tcp4 { ecn } | SegmentationKind::Tcp6 { ecn } => {
                let sequence = &mut segment[field::TCP_SEQUENCE..];
                if let Some(sequence) = sequence.first_chunk_mut::<4>() {
                    *sequence = u32::from_be_bytes(*sequence)
                        .wrapping_add(self.done as u32)
                        .to_be_bytes();
                }
                let flags = &mut segment[field::TCP_FLAGS];
                if !last {
                    *flags &= !(FIN | PSH);
                }
                if ecn && self.pieces > 0 {
                    *flags &= !CWR;
                }
                field::TCP_CHECKSUM
            }
        };
        // The field holds the pseudo-header's sum, in which the length is that of the whole.
        let pseudo = Checksum::new()
            .add_u16(get16(segment, at))
            .add_u32(!whole)
            .add_u32(len);
        put16(segment, at, 0);
        let sum = stored_sum(pseudo.combine(Checksum::new().add_bytes(segment)), at);
        put16(segment, at, sum);
    }
}

/// Where the network header begins: behind the link header and its VLAN tags. `None` if the frame ends before.
pub fn network_offset(octets: &[u8], medium: Medium) -> Option<usize> {
    let Medium::Ethernet(_) = medium else {
        return Some(0);
    };
    // The types of tags: 802.1Q, 802.1ad.
    const TAGS: [u16; 2] = [0x8100, 0x88a8];
    let mut at = 12;
    loop {
        let ethertype = octets.get(at..)?.first_chunk::<2>()?;
        at += 2;
        if !TAGS.contains(&u16::from_be_bytes(*ethertype)) {
            return Some(at);
        }
        at += 2;
    }
}

fn get16(octets: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([octets[at], octets[at + 1]])
}

fn put16(octets: &mut [u8], at: usize, value: u16) {
    octets[at..at + 2].copy_from_slice(&value.to_be_bytes());
}
