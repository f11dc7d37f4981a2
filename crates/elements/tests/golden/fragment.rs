//! IPFragmenter: where packets are cut, and what each piece's header says (RFC 791 §3.2).

use crate::harness::{Graph, refused};

/// The numbers from `first` up to `end`, an octet each.
fn numbers(first: u8, end: u8) -> String {
    (first..end).map(|it| format!("{it:02x}")).collect()
}

fn cut(config: &str, packet: &str) -> Graph {
    Graph::run(&format!(
        "Feed({packet}) -> MarkIPHeader -> f :: IPFragmenter({config}) -> k :: Keep; f[1] -> too_long :: Keep;"
    ))
}

#[test]
fn a_packet_that_fits_passes_as_it_is() {
    let fits = format!(
        "45000044 beef0000 4011a7b7 0a000001 0a000002 {}",
        numbers(0, 48)
    );
    let graph = cut("68", &fits);
    graph.expect("k", [&fits]);
    assert_eq!(graph.all(["f.fragments", "f.drops", "f.mtu"]), "0 0 68");
    let may_not_be_cut = fits.replace("beef0000 4011a7b7", "beef4000 401167b7");
    cut("68", &may_not_be_cut).expect("k", [&may_not_be_cut]);
}

#[test]
fn fragments_are_multiples_of_eight_in_order_with_more_to_come_but_the_last() {
    let packet = format!(
        "45080078 beef0000 4011a77b 0a000001 0a000002 {}",
        numbers(0, 100)
    );
    let graph = cut("68", &packet);
    let fragments = [
        format!(
            "45080044 beef2000 401187af 0a000001 0a000002 {}",
            numbers(0, 48)
        ),
        format!(
            "45080044 beef2006 401187a9 0a000001 0a000002 {}",
            numbers(48, 96)
        ),
        format!(
            "45080018 beef000c 4011a7cf 0a000001 0a000002 {}",
            numbers(96, 100)
        ),
    ];
    graph.expect("k", fragments.each_ref().map(String::as_str));
    assert_eq!(graph.all(["f.fragments", "f.drops"]), "3 0");
    // Room that is no multiple of eight is not used.
    cut("71", &packet).expect("k", fragments.each_ref().map(String::as_str));
}

#[test]
fn the_first_fragment_has_all_options_and_the_others_those_that_are_copied() {
    // Record route is not copied; a stream identifier and a router alert are.
    let options = "0707040000000001 8804abcd 94040000";
    let packet = format!(
        "49000064 beef0000 4011d0b8 0a000001 0a000002 {options} {}",
        numbers(0, 64)
    );
    let fragments = [
        format!(
            "4900004c beef2000 4011b0d0 0a000001 0a000002 {options} {}",
            numbers(0, 40)
        ),
        format!(
            "47000034 beef0005 4011ddeb 0a000001 0a000002 8804abcd 94040000 {}",
            numbers(40, 64)
        ),
    ];
    cut("76", &packet).expect("k", fragments.each_ref().map(String::as_str));
}

#[test]
fn options_that_cannot_be_read_are_not_copied_blindly() {
    let packet = format!(
        "46000058 beef0000 40111da4 0a000001 0a000002 88ff0000 {}",
        numbers(0, 64)
    );
    let graph = cut("68", &packet);
    graph.expect("too_long", [&packet]);
    assert_eq!(graph.all(["f.fragments", "f.drops", "k.count"]), "0 1 0");
}

#[test]
fn a_fragment_is_cut_again_and_keeps_its_place() {
    let payload = numbers(0, 64);
    let middle = format!("45000054 beef2005 401187a2 0a000001 0a000002 {payload}");
    let first = format!(
        "45000044 beef2005 401187b2 0a000001 0a000002 {}",
        numbers(0, 48)
    );
    let second = format!(
        "45000024 beef200b 401187cc 0a000001 0a000002 {}",
        numbers(48, 64)
    );
    cut("68", &middle).expect("k", [&first, &second]);
    let last = format!("45000054 beef0005 4011a7a2 0a000001 0a000002 {payload}");
    let second = format!(
        "45000024 beef000b 4011a7cc 0a000001 0a000002 {}",
        numbers(48, 64)
    );
    cut("68", &last).expect("k", [&first, &second]);
    let beyond = format!("45000054 00001fff 40114698 0a000001 0a000002 {payload}");
    cut("68", &beyond).expect("too_long", [&beyond]);
}

/// 64 octets that must not be cut.
fn whole() -> String {
    format!(
        "45000054 beef4000 401167a7 0a000001 0a000002 {}",
        numbers(0, 64)
    )
}

#[test]
fn what_must_not_be_cut_goes_to_output_1_as_it_is() {
    let graph = cut("68", &whole());
    graph.expect("too_long", [&whole()]);
    assert_eq!(
        graph.all(["f.fragments", "f.drops", "f.drop_reasons"]),
        "0 1 "
    );
    let graph = Graph::run(&format!(
        "Feed({}) -> MarkIPHeader -> f :: IPFragmenter(68) -> k :: Keep;",
        whole()
    ));
    assert_eq!(
        graph.all(["f.drops", "f.drop_reasons"]),
        "1 1 fragmentation needed"
    );
}

#[test]
fn honor_df_false_cuts_it_nevertheless() {
    for config in [
        "68, false",
        "68, HONOR_DF false",
        "68, false, true, HEADROOM 40",
    ] {
        let fragments = [
            format!(
                "45000044 beef6000 401147b7 0a000001 0a000002 {}",
                numbers(0, 48)
            ),
            format!(
                "45000024 beef4006 401167d1 0a000001 0a000002 {}",
                numbers(48, 64)
            ),
        ];
        cut(config, &whole()).expect("k", fragments.each_ref().map(String::as_str));
    }
    cut("68, true", &whole()).expect("too_long", [&whole()]);
}

#[test]
fn fragments_have_the_packets_annotations_and_order_among_others() {
    let packet = format!(
        "45000054 beef0000 4011a7a7 0a000001 0a000002 {}",
        numbers(0, 64)
    );
    let graph = Graph::run(&format!(
        "Feed(4500 01, {packet}, 4500 02) -> Paint(9) -> MarkIPHeader -> GetIPAddress(0)
         -> f :: IPFragmenter(68) -> k :: Keep; Idle -> f;"
    ));
    assert_eq!(graph.read("k.count"), "2", "three octets are no address");
    assert_eq!(graph.lines("k.paints"), ["9", "9"]);
    assert_eq!(graph.lines("k.destinations"), ["69.0.0.84", "69.0.0.84"]);
    let graph = Graph::run(&format!(
        "Feed(01, {packet}, 02) -> MarkIPHeader -> IPFragmenter(68) -> k :: Keep;"
    ));
    let frames = graph.frames("k");
    assert_eq!((frames.len(), &*frames[0], &*frames[3]), (4, "01", "02"));
}

#[test]
fn what_is_no_ip_packet_and_too_long_is_lost_and_counted() {
    let graph = Graph::run(&format!(
        "Feed({}) -> f :: IPFragmenter(68) -> k :: Keep;",
        numbers(0, 100)
    ));
    assert_eq!(
        graph.all(["k.count", "f.drops", "f.drop_reasons"]),
        "0 1 1 bad IP header"
    );
}

#[test]
fn a_packet_makes_more_fragments_than_a_batch_holds() {
    // 65515 octets in pieces of 48.
    let packet = format!(
        "4500ffff 00010000 40110000 0a000001 0a000002 {}",
        "00".repeat(65515)
    );
    let graph = cut("68", &packet);
    assert_eq!(graph.all(["f.fragments", "k.count"]), "1365 1365");
    let last = graph.frames("k").pop().expect("fragments");
    assert_eq!(
        &last[..16],
        "4500003f00011ff8",
        "43 octets at 1364 times 48"
    );
}

#[test]
fn an_mtu_below_the_least_is_refused() {
    for config in ["67", "0", "x", ""] {
        assert!(refused(&format!("Idle -> IPFragmenter({config}) -> Discard;")).contains("MTU"));
    }
}

/// A super-segment of 250 octets that are to travel by hundreds.
fn super_segment(flags: &str, protocol: &str, transport: &str) -> String {
    let len = 20 + transport.len() / 2 + 250;
    let payload = numbers(0, 250);
    format!("4500{len:04x} 0100{flags} 40{protocol}0000 0a000001 0a000002 {transport} {payload}")
        .replace(' ', "")
}

/// By identification: the payload's octets, put together, and whether each piece is finished.
fn pieces(graph: &Graph) -> Vec<(String, String)> {
    let mut pieces: Vec<(String, String)> = Vec::new();
    for frame in graph.frames("k") {
        let (id, payload) = (frame[8..12].to_owned(), &frame[40..]);
        match pieces.iter_mut().find(|(it, _)| *it == id) {
            Some((_, octets)) => octets.push_str(payload),
            None => pieces.push((id, payload.to_owned())),
        }
    }
    pieces
}

#[test]
fn a_super_segment_is_split_before_its_segments_are_cut() {
    for (protocol, transport) in [
        ("11", "0035003501020000"),
        ("06", "00500050000000010000000050100100 00000000"),
    ] {
        let transport = transport.replace(' ', "");
        let packet = super_segment("0000", protocol, &transport);
        let graph = Graph::run(&format!(
            "Feed({packet}, SEGMENT 100) -> MarkIPHeader -> f :: IPFragmenter(68) -> k :: Keep; f[1] -> too_long :: Keep;"
        ));
        assert_eq!(graph.all(["f.drops", "too_long.count"]), "0 0");
        let pieces = pieces(&graph);
        let header = transport.len();
        let payloads: Vec<&str> = pieces.iter().map(|(_, it)| &it[header..]).collect();
        assert_eq!(
            payloads,
            [numbers(0, 100), numbers(100, 200), numbers(200, 250)]
        );
        if protocol == "11" {
            let lengths: Vec<&str> = pieces.iter().map(|(_, it)| &it[8..12]).collect();
            assert_eq!(lengths, ["006c", "006c", "003a"]);
        }
        assert!(!graph.read("k.unfinished").contains("true"));
        // What must not be cut goes to the other output whole.
        let packet = super_segment("4000", protocol, &transport);
        let graph = Graph::run(&format!(
            "Feed({packet}, SEGMENT 100) -> MarkIPHeader -> f :: IPFragmenter(68) -> k :: Keep; f[1] -> too_long :: Keep;"
        ));
        assert_eq!(graph.all(["f.drops", "k.count"]), "1 0");
        graph.expect("too_long", [&packet]);
    }
}
