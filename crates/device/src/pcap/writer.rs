//! Writing, one record after the other.

use std::io::{self, Write};

use waypost_netdev::Direction;
use waypost_wire::WallTime;

use super::ng::{
    self, BYTE_ORDER, ENHANCED_PACKET, INTERFACE, OPTION_COMMENT, OPTION_FLAGS, OPTION_NAME,
    OPTION_RESOLUTION, SECTION,
};
use super::{Format, LinkType};

/// Writes a capture file, with times in nanoseconds.
#[derive(Debug)]
pub struct Writer<W> {
    stream: W,
    format: Format,
    snaplen: usize,
    /// A record, put together before it is written: a full disk leaves no half of it in the stream's buffer.
    record: Vec<u8>,
    interfaces: u32,
}

impl<W: Write> Writer<W> {
    /// Writes the head of a file; of each packet at most `snaplen` octets will be kept.
    ///
    /// # Errors
    /// The stream cannot be written.
    pub fn new(
        mut stream: W,
        format: Format,
        link_type: LinkType,
        snaplen: usize,
    ) -> io::Result<Self> {
        let kept = u32::try_from(snaplen).unwrap_or(u32::MAX);
        match format {
            Format::Pcap => {
                stream.write_all(&0xa1b2_3c4d_u32.to_le_bytes())?;
                stream.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
                stream.write_all(&kept.to_le_bytes())?;
                stream.write_all(&link_type.0.to_le_bytes())?;
                Ok(Self {
                    stream,
                    format,
                    snaplen,
                    record: Vec::new(),
                    interfaces: 1,
                })
            }
            Format::Pcapng => {
                let mut writer = Self {
                    stream,
                    format,
                    snaplen,
                    record: Vec::new(),
                    interfaces: 0,
                };
                writer.begin(SECTION);
                writer.put(&BYTE_ORDER.to_le_bytes());
                writer.put(&[1, 0, 0, 0]);
                writer.put(&u64::MAX.to_le_bytes());
                writer.end()?;
                writer.interface("", link_type)?;
                Ok(writer)
            }
        }
    }

    /// Describes one more interface, and says its number; the first, number 0, is described already.
    ///
    /// # Errors
    /// The stream cannot be written, or the format knows one interface only.
    pub fn interface(&mut self, name: &str, link_type: LinkType) -> io::Result<u32> {
        if self.format == Format::Pcap {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a pcap file has one interface: write pcapng",
            ));
        }
        self.begin(INTERFACE);
        self.put(&(link_type.0 as u16).to_le_bytes());
        self.put(&[0, 0]);
        self.put(
            &u32::try_from(self.snaplen)
                .unwrap_or(u32::MAX)
                .to_le_bytes(),
        );
        if !name.is_empty() {
            self.option(OPTION_NAME, name.as_bytes());
        }
        self.option(OPTION_RESOLUTION, &[9]);
        self.option(0, &[]);
        self.end()?;
        self.interfaces += 1;
        Ok(self.interfaces - 1)
    }

    /// Writes a packet of the first interface, which was `original_len` octets long.
    ///
    /// # Errors
    /// The stream cannot be written. A comment is left out where the format has none.
    pub fn write(
        &mut self,
        time: WallTime,
        octets: &[u8],
        original_len: usize,
        comment: Option<&str>,
    ) -> io::Result<()> {
        self.write_on(0, time, octets, original_len, comment)
    }

    /// Writes a packet that the first interface has received or sent.
    ///
    /// # Errors
    /// The stream cannot be written. The direction is left out where the format has none.
    pub fn write_way(
        &mut self,
        direction: Direction,
        time: WallTime,
        octets: &[u8],
        original_len: usize,
    ) -> io::Result<()> {
        self.put_packet(0, time, octets, original_len, Some(direction), None)
    }

    /// Writes a packet of an interface.
    ///
    /// # Errors
    /// The stream cannot be written, or there is no such interface.
    pub fn write_on(
        &mut self,
        interface: u32,
        time: WallTime,
        octets: &[u8],
        original_len: usize,
        comment: Option<&str>,
    ) -> io::Result<()> {
        self.put_packet(interface, time, octets, original_len, None, comment)
    }

    fn put_packet(
        &mut self,
        interface: u32,
        time: WallTime,
        octets: &[u8],
        original_len: usize,
        direction: Option<Direction>,
        comment: Option<&str>,
    ) -> io::Result<()> {
        if interface >= self.interfaces {
            let message = format!("interface {interface} was not described to the capture file");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let octets = &octets[..octets.len().min(self.snaplen)];
        let (len, original_len) = (
            octets.len() as u32,
            u32::try_from(original_len).unwrap_or(u32::MAX),
        );
        let nanos = time.as_unix_nanos();
        match self.format {
            Format::Pcap => {
                self.record.clear();
                // Seconds have 32 bits here: after 2106 it stays the last of them.
                let nanos = nanos.min(u64::from(u32::MAX) * 1_000_000_000 + 999_999_999);
                self.put(&((nanos / 1_000_000_000) as u32).to_le_bytes());
                self.put(&((nanos % 1_000_000_000) as u32).to_le_bytes());
                self.put(&len.to_le_bytes());
                self.put(&original_len.to_le_bytes());
                self.put(octets);
                self.stream.write_all(&self.record)
            }
            Format::Pcapng => {
                self.begin(ENHANCED_PACKET);
                self.put(&interface.to_le_bytes());
                self.put(&((nanos >> 32) as u32).to_le_bytes());
                self.put(&(nanos as u32).to_le_bytes());
                self.put(&len.to_le_bytes());
                self.put(&original_len.to_le_bytes());
                self.put_padded(octets);
                if let Some(direction) = direction {
                    self.option(OPTION_FLAGS, &ng::flags(direction).to_le_bytes());
                }
                if let Some(comment) = comment {
                    self.option(OPTION_COMMENT, comment.as_bytes());
                }
                if direction.is_some() || comment.is_some() {
                    self.option(0, &[]);
                }
                self.end()
            }
        }
    }

    /// Hands what is buffered to the operating system.
    ///
    /// # Errors
    /// The stream cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }

    /// The stream. What is written to it directly stands among the records.
    pub fn stream_mut(&mut self) -> &mut W {
        &mut self.stream
    }

    /// The stream, with what is buffered in it.
    pub fn into_stream(self) -> W {
        self.stream
    }

    fn begin(&mut self, block: u32) {
        self.record.clear();
        self.put(&block.to_le_bytes());
        // The length, known at the end.
        self.put(&[0; 4]);
    }

    fn put(&mut self, octets: &[u8]) {
        self.record.extend_from_slice(octets);
    }

    fn put_padded(&mut self, octets: &[u8]) {
        self.put(octets);
        self.record.resize(self.record.len().next_multiple_of(4), 0);
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        let value = &value[..value.len().min(u16::MAX.into())];
        self.put(&code.to_le_bytes());
        self.put(&(value.len() as u16).to_le_bytes());
        self.put_padded(value);
    }

    fn end(&mut self) -> io::Result<()> {
        let len = (self.record.len() as u32 + 4).to_le_bytes();
        self.record[4..8].copy_from_slice(&len);
        self.put(&len);
        self.stream.write_all(&self.record)
    }
}
