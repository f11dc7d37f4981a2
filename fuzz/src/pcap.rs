//! Capture files.

use std::hint::black_box;

use waypost_device::pcap::Reader;

/// Reads the bytes as a capture file, record by record.
pub(crate) fn target(data: &[u8]) {
    let Ok(mut reader) = Reader::new(data) else {
        return;
    };
    while let Ok(Some(record)) = reader.next() {
        black_box(record);
    }
}
