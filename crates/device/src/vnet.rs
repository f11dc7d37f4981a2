//! The header in which the kernel describes unfinished frames (`struct virtio_net_hdr`, of
//! linux/virtio_net.h): checksums to be completed, super-segments to be split.

use waypost_netdev::{ChecksumState, FrameMeta, Segmentation, SegmentationKind};

const NEEDS_CHECKSUM: u8 = 1;
const CHECKSUM_VALID: u8 = 2;
const TCP4: u8 = 1;
const UDP_FRAGMENTS: u8 = 3;
const TCP6: u8 = 4;
const UDP: u8 = 5;
const ECN: u8 = 0x80;

/// The header, in the byte order of the machine.
pub(crate) const LEN: usize = 10;

/// What the header says; `None` for a kind of super-segment that nobody here can split.
pub(crate) fn read(header: [u8; LEN]) -> Option<FrameMeta> {
    let field = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
    let checksum = match header[0] {
        flags if flags & NEEDS_CHECKSUM != 0 => ChecksumState::Partial {
            start: field(6),
            offset: field(8),
        },
        flags if flags & CHECKSUM_VALID != 0 => ChecksumState::Verified,
        _ => ChecksumState::Unverified,
    };
    let ecn = header[1] & ECN != 0;
    let kind = match header[1] & !ECN {
        0 => None,
        TCP4 => Some(SegmentationKind::Tcp4 { ecn }),
        TCP6 => Some(SegmentationKind::Tcp6 { ecn }),
        UDP => Some(SegmentationKind::Udp),
        UDP_FRAGMENTS => return None,
        _ => return None,
    };
    let segmentation = kind.map(|kind| Segmentation {
        size: field(4),
        kind,
    });
    Some(FrameMeta {
        checksum,
        segmentation,
        ..FrameMeta::default()
    })
}

/// The header for a frame of `octets`.
pub(crate) fn write(meta: &FrameMeta, octets: &[u8]) -> [u8; LEN] {
    let mut header = [0; LEN];
    let mut put = |at: usize, value: u16| header[at..at + 2].copy_from_slice(&value.to_ne_bytes());
    let mut flags = 0;
    if let ChecksumState::Partial { start, offset } = meta.checksum {
        flags = NEEDS_CHECKSUM;
        put(6, start);
        put(8, offset);
    }
    let mut kind = 0;
    if let (Some(segmentation), ChecksumState::Partial { start, .. }) =
        (meta.segmentation, meta.checksum)
    {
        let start = usize::from(start);
        // The data offset of the TCP header (RFC 9293 §3.1), or the UDP header's fixed length.
        let (code, transport) = match segmentation.kind {
            SegmentationKind::Tcp4 { ecn } => (
                TCP4 | if ecn { ECN } else { 0 },
                tcp_header_len(octets, start),
            ),
            SegmentationKind::Tcp6 { ecn } => (
                TCP6 | if ecn { ECN } else { 0 },
                tcp_header_len(octets, start),
            ),
            _ => (UDP, 8),
        };
        kind = code;
        put(2, u16::try_from(start + transport).unwrap_or(0));
        put(4, segmentation.size);
    }
    header[0] = flags;
    header[1] = kind;
    header
}

fn tcp_header_len(octets: &[u8], start: usize) -> usize {
    octets
        .get(start + 12)
        .map_or(20, |byte| usize::from(byte >> 4) * 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let kinds = [
            None,
            Some(SegmentationKind::Tcp4 { ecn: true }),
            Some(SegmentationKind::Tcp6 { ecn: false }),
            Some(SegmentationKind::Udp),
        ];
        for kind in kinds {
            let meta = FrameMeta {
                checksum: ChecksumState::Partial {
                    start: 34,
                    offset: 16,
                },
                segmentation: kind.map(|kind| Segmentation { size: 1448, kind }),
                ..FrameMeta::default()
            };
            let mut octets = [0; 80];
            octets[34 + 12] = 0x80;
            let header = write(&meta, &octets);
            assert_eq!(read(header), Some(meta));
            if matches!(kind, Some(SegmentationKind::Tcp4 { .. })) {
                assert_eq!(
                    u16::from_ne_bytes([header[2], header[3]]),
                    34 + 32,
                    "headers up to the TCP payload"
                );
            }
        }
        assert_eq!(read([0; LEN]), Some(FrameMeta::default()));
        assert_eq!(read([0, UDP_FRAGMENTS, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
