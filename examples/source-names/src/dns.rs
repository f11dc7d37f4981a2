//! One question to a DNS server, and its answer.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use domain::base::iana::Rcode;
use domain::base::{Message, MessageBuilder, Name, Rtype};
use domain::rdata::Ptr;
use tokio::net::UdpSocket;

/// How often a question is asked.
pub const ATTEMPTS: usize = 3;

/// What a server answers without EDNS, at most (RFC 1035 §4.2.1).
const ANSWER_MAX: usize = 512;

/// The name of an address: the server's PTR record for it (RFC 1035 §3.5); empty if it has none.
///
/// Each question has a socket, and so a port, of its own (RFC 5452 §9.2). Runs on a tokio runtime.
///
/// # Errors
/// The server did not answer within `timeout`, asked [`ATTEMPTS`] times; it cannot be reached; it refuses.
pub async fn name_of(address: IpAddr, server: SocketAddr, timeout: Duration) -> io::Result<String> {
    let question = question(address).map_err(io::Error::other)?;
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    for _ in 0..ATTEMPTS {
        socket.send(question.as_slice()).await?;
        if let Ok(answer) = tokio::time::timeout(timeout, answer(&socket, &question)).await {
            return answer;
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn question(address: IpAddr) -> Result<Message<Vec<u8>>, domain::base::name::PushError> {
    let name = Name::<Vec<u8>>::reverse_from_addr(address)?;
    let mut message = MessageBuilder::new_vec();
    message.header_mut().set_random_id();
    message.header_mut().set_rd(true);
    let mut message = message.question();
    // There is room: the message is empty.
    let _ = message.push((name, Rtype::PTR));
    Ok(message.into_message())
}

/// Waits for the answer to this question, and for no other.
async fn answer(socket: &UdpSocket, question: &Message<Vec<u8>>) -> io::Result<String> {
    let mut buffer = [0; ANSWER_MAX];
    loop {
        let len = socket.recv(&mut buffer).await?;
        let Ok(message) = Message::from_octets(&buffer[..len]) else {
            continue;
        };
        if !message.is_answer(question) {
            continue;
        }
        return match message.header().rcode() {
            Rcode::NOERROR => name_in(&message).map_err(io::Error::other),
            Rcode::NXDOMAIN => Ok(String::new()),
            code => Err(io::Error::other(format!("the server answers {code}"))),
        };
    }
}

/// The first name in an answer, in print: octets that are no letters are escaped.
fn name_in(message: &Message<&[u8]>) -> Result<String, domain::base::wire::ParseError> {
    let mut names = message.answer()?.limit_to_in::<Ptr<_>>();
    let first = names.next().transpose()?;
    Ok(first.map_or_else(String::new, |record| record.data().ptrdname().to_string()))
}
