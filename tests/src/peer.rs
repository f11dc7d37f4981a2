//! A peer for tests and the demo: sends and receives octets over the kernel's own TCP and UDP, and says what
//! their digest is.
//!
//! `waypost-peer tcp-receive ADDRESS`, `tcp-send ADDRESS OCTETS`, `udp-receive ADDRESS COUNT`, `udp-send ADDRESS COUNT`,
//! `udp-count ADDRESS COUNT`, `udp-flood ADDRESS COUNT FLOWS`
#![forbid(unsafe_code)]

use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

/// How long a receiver of datagrams waits for the next before it takes stock.
const PATIENCE: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match *words.as_slice() {
        ["tcp-receive", address] => tcp_receive(address),
        ["tcp-send", address, octets] => {
            number(octets).and_then(|octets| tcp_send(address, octets))
        }
        ["udp-receive", address, count] => {
            number(count).and_then(|count| udp_receive(address, count))
        }
        ["udp-send", address, count] => number(count).and_then(|count| udp_send(address, count)),
        ["udp-count", address, count] => number(count).and_then(|count| udp_count(address, count)),
        ["udp-flood", address, count, flows] => {
            let numbers = number(count).and_then(|count| Ok((count, number(flows)?)));
            numbers.and_then(|(count, flows)| udp_flood(address, count, flows))
        }
        _ => Err(io::Error::other(
            "expected tcp-receive, tcp-send, udp-receive, udp-send, udp-count or udp-flood, and an address",
        )),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "waypost-peer {}: {error}", words.join(" "));
            ExitCode::FAILURE
        }
    }
}

fn number(text: &str) -> io::Result<u64> {
    text.parse()
        .map_err(|_| io::Error::other(format!("expected a number, found `{text}`")))
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Octets that look like none of the last, and are the same each time.
struct Content(u64);

impl Content {
    fn fill(&mut self, room: &mut [u8]) {
        for place in room.chunks_mut(8) {
            // xorshift64 (G. Marsaglia, 2003).
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            place.copy_from_slice(&self.0.to_le_bytes()[..place.len()]);
        }
    }
}

fn tcp_receive(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    say("listening")?;
    let (mut stream, _) = listener.accept()?;
    let (mut hasher, mut total, mut buffer) = (DefaultHasher::new(), 0_u64, vec![0; 256 << 10]);
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.write(&buffer[..count]);
        total += count as u64;
    }
    say(&format!(
        "received {total} octets digest {:016x}",
        hasher.finish()
    ))
}

fn tcp_send(address: &str, octets: u64) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let (mut hasher, mut content, mut buffer) = (
        DefaultHasher::new(),
        Content(0x9e37_79b9_7f4a_7c15),
        vec![0; 256 << 10],
    );
    let mut left = octets;
    while left > 0 {
        let count = left.min(buffer.len() as u64) as usize;
        content.fill(&mut buffer[..count]);
        hasher.write(&buffer[..count]);
        stream.write_all(&buffer[..count])?;
        left -= count as u64;
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    // The receiver closes when it has read everything.
    let _ = stream.read(&mut buffer)?;
    say(&format!(
        "sent {octets} octets digest {:016x}",
        hasher.finish()
    ))
}

/// Datagrams of this many octets: a number and content that follows from it.
const DATAGRAM: usize = 1000;

fn datagram(number: u64) -> [u8; DATAGRAM] {
    let mut octets = [0; DATAGRAM];
    Content(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1).fill(&mut octets);
    octets[..8].copy_from_slice(&number.to_be_bytes());
    octets
}

/// The receiver answers each so many datagrams, and the sender waits for it: no buffer on the way overflows.
const WINDOW: u64 = 16;

fn is_late(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn udp_receive(address: &str, count: u64) -> io::Result<()> {
    let socket = UdpSocket::bind(address)?;
    say("listening")?;
    let (mut right, mut wrong, mut buffer) = (0_u64, 0_u64, [0; 2048]);
    while right + wrong < count {
        let (len, sender) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) if is_late(&error) => break,
            Err(error) => return Err(error),
        };
        socket.set_read_timeout(Some(2 * PATIENCE))?;
        let number = buffer
            .first_chunk()
            .map_or(0, |octets| u64::from_be_bytes(*octets));
        if buffer[..len] == datagram(number) {
            right += 1;
        } else {
            wrong += 1;
        }
        if number % WINDOW == WINDOW - 1 {
            socket.send_to(&number.to_be_bytes(), sender)?;
        }
    }
    say(&format!("received {right} right {wrong} wrong"))
}

fn udp_send(address: &str, count: u64) -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    for number in 0..count {
        socket.send(&datagram(number))?;
        if number % WINDOW == WINDOW - 1 {
            // Without an answer something was lost: the receiver tells how much.
            match socket.recv(&mut [0; 8]) {
                Err(error) if !is_late(&error) => return Err(error),
                _ => {}
            }
        }
    }
    say(&format!("sent {count}"))
}

/// Counts datagrams, until there were so many or none has come for a while; answers none.
fn udp_count(address: &str, count: u64) -> io::Result<()> {
    let socket = UdpSocket::bind(address)?;
    say("listening")?;
    let (mut received, mut buffer) = (0, [0; 2048]);
    while received < count {
        match socket.recv_from(&mut buffer) {
            Ok(_) => received += 1,
            Err(error) if is_late(&error) => break,
            Err(error) => return Err(error),
        }
        socket.set_read_timeout(Some(PATIENCE))?;
    }
    say(&format!("received {received}"))
}

/// Sends datagrams as fast as it can, in turn from so many sockets.
fn udp_flood(address: &str, count: u64, flows: u64) -> io::Result<()> {
    let sockets = (0..flows.max(1)).map(|_| {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect(address)?;
        Ok(socket)
    });
    let sockets = sockets.collect::<io::Result<Vec<_>>>()?;
    for (number, socket) in (0..count).zip(sockets.iter().cycle()) {
        socket.send(&datagram(number))?;
    }
    say(&format!("sent {count}"))
}
