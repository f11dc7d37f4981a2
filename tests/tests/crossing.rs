//! Real Linux hosts talk through a router that is a graph.

use waypost_tests::crossing::{Crossing, RIGHT};
use waypost_tests::{Net, skip};

fn crossing() -> Option<Crossing> {
    match Net::new() {
        Ok(net) => Some(Crossing::new(net).unwrap()),
        Err(why) => {
            skip(&why);
            None
        }
    }
}

fn stdout(output: std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn pings_cross_and_are_answered() {
    let Some(crossing) = crossing() else { return };
    let _router = crossing.route(&[]).unwrap();
    let far = stdout(
        crossing
            .left
            .run(&format!("ping -c 5 -i 0.2 -W 5 {RIGHT}"))
            .unwrap(),
    );
    assert!(
        far.contains("5 received") && far.contains("ttl=63"),
        "{far}"
    );
    let near = stdout(crossing.left.run("ping -c 3 -i 0.2 -W 5 10.1.0.1").unwrap());
    assert!(near.contains("3 received"), "{near}");
    let large = stdout(
        crossing
            .left
            .run(&format!("ping -c 3 -i 0.2 -W 5 -s 4000 {RIGHT}"))
            .unwrap(),
    );
    assert!(large.contains("3 received"), "fragments cross: {large}");
}

#[test]
fn errors_come_back() {
    let Some(crossing) = crossing() else { return };
    let _router = crossing.route(&[]).unwrap();
    let expired = stdout(
        crossing
            .left
            .run(&format!("ping -c 1 -W 5 -t 1 {RIGHT}"))
            .unwrap(),
    );
    assert!(
        expired.contains("From 10.1.0.1") && expired.contains("Time to live exceeded"),
        "{expired}"
    );
    let nowhere = stdout(crossing.left.run("ping -c 1 -W 5 192.0.2.1").unwrap());
    assert!(
        nowhere.contains("From 10.1.0.1") && nowhere.contains("Net Unreachable"),
        "{nowhere}"
    );
}

#[test]
fn a_smaller_mtu_is_told_and_fragments_are_made() {
    let Some(crossing) = crossing() else { return };
    let _router = crossing.route(&["B_MTU=1000"]).unwrap();
    let told = stdout(
        crossing
            .left
            .run(&format!("ping -c 1 -W 5 -M do -s 1400 {RIGHT}"))
            .unwrap(),
    );
    assert!(
        told.contains("mtu = 1000") || told.contains("mtu=1000"),
        "{told}"
    );
    let cut = stdout(
        crossing
            .left
            .run(&format!("ping -c 3 -i 0.2 -W 5 -M dont -s 1400 {RIGHT}"))
            .unwrap(),
    );
    assert!(cut.contains("3 received"), "{cut}");
}

#[test]
fn datagrams_and_a_stream_arrive_as_they_were_sent() {
    let Some(crossing) = crossing() else { return };
    let _router = crossing.route(&[]).unwrap();
    // The router asks for both hosts' link addresses: only few packets wait for the answer.
    let met = stdout(
        crossing
            .left
            .run(&format!("ping -c 1 -W 5 {RIGHT}"))
            .unwrap(),
    );
    assert!(met.contains("1 received"), "{met}");
    assert_eq!(crossing.udp(2000).unwrap(), (2000, 0));
    let (sent, received) = crossing.tcp(256 << 20).unwrap();
    assert_eq!(sent, received);
}
