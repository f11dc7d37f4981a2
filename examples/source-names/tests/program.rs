//! The program, on a capture file.
#![forbid(unsafe_code)]

mod support;

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::{Dns, PATIENCE, packet, source};
use waypost::device::pcap::{Format, LinkType, Writer};
use waypost::wire::WallTime;

/// A capture file that is gone when the test ends.
struct Capture(PathBuf);

impl Capture {
    /// IPv4 packets from the first sources, and behind every tenth a frame that is none.
    fn of(packets: u32) -> Self {
        // A name that has to be quoted in a text.
        let name = format!("source names, {} \"$1\".pcap", std::process::id());
        let path = std::env::temp_dir().join(name);
        let file = File::create(&path).unwrap();
        let mut writer = Writer::new(file, Format::Pcap, LinkType::ETHERNET, 1 << 18).unwrap();
        for number in 0..packets {
            let mut frame = vec![2; 12];
            frame.extend([0x08, 0x00]);
            frame.extend(packet(number));
            let time = WallTime::from_unix_nanos(u64::from(number));
            writer.write(time, &frame, frame.len(), None).unwrap();
            if number % 10 == 0 {
                frame[13] = 0x06;
                writer.write(time, &frame, frame.len(), None).unwrap();
            }
        }
        writer.flush().unwrap();
        Self(path)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn program(file: &Path, server: SocketAddr, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_source-names"))
        .arg(file)
        .args(["--server", &server.to_string()])
        .args(["--timeout", &PATIENCE.as_secs().to_string()])
        .args(options)
        .output()
        .unwrap()
}

#[test]
fn each_packet_is_a_line_with_its_sources_name() {
    let Some(dns) = Dns::start(100) else { return };
    let capture = Capture::of(100);
    let mut expected: Vec<_> = (0..100)
        .map(|number| {
            let (source, name) = (source(number), dns.name(number));
            format!("{source} ({name}) > 10.0.0.9: UDP, 32 octets")
        })
        .collect();
    let lines = |options| {
        let output = program(&capture.0, dns.address, options);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && told.is_empty(), "{told}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(&[]), expected);
    assert_eq!(lines(&["--concurrency", "1", "--tokio"]), expected);
    let mut unordered = lines(&["--unordered", "--tokio"]);
    unordered.sort_unstable();
    expected.sort_unstable();
    assert_eq!(unordered, expected);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let server = SocketAddr::from(([127, 0, 0, 1], 53));
    let output = program(Path::new("no such file.pcap"), server, &[]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(told.starts_with("error: `no such file.pcap`: "), "{told}");
}
