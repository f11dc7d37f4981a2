//! FromDump and ToDump: packets from and to capture files.

mod from;
mod spool;
mod to;
mod window;

use waypost_graph::DropReason;

pub(crate) use from::FROM_DUMP;
pub(crate) use to::TO_DUMP;

/// A packet could not be written to a capture file.
pub const NOT_WRITTEN: DropReason = DropReason::new("capture file cannot be written");
/// A packet of a capture file is no IP packet.
pub const NOT_IP: DropReason = DropReason::new("not an IP packet");

#[cfg(test)]
mod tests {
    use crate::testing::run;

    #[test]
    fn what_was_dumped_is_read_back() {
        let folder = std::env::temp_dir();
        for ending in ["pcap", "pcapng"] {
            let file = folder.join(format!("waypost-dump-{}.{ending}", std::process::id()));
            let file = file.to_str().unwrap();
            drop(run(&format!(
                "InfiniteSource(DATA \\<01020304>, LIMIT 100) -> ToDump(\"{file}\");"
            )));
            let graph = run(&format!(
                "f :: FromDump(\"{file}\") -> c :: Classifier(0/01020304, -); c[0] -> a :: Discard; c[1] -> b :: Discard;"
            ));
            assert_eq!(graph.read("a.count").unwrap(), "100");
            assert_eq!(graph.read("b.count").unwrap(), "0");
            std::fs::remove_file(file).unwrap();
        }
    }
}
