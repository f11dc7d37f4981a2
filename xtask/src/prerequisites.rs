//! Programs outside the tool chain that chores need: one table, checked before they are needed.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};

/// When a program is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// By every run of the tests.
    Test,
    /// By the long runs only.
    Long,
    /// By the benches.
    Bench,
}

struct Program {
    name: &'static str,
    /// The Debian package that has it.
    package: &'static str,
    need: Need,
    needed_by: &'static str,
}

/// Every program outside the tool chain that any chore needs.
const PROGRAMS: &[Program] = &[
    Program {
        name: "cc",
        package: "gcc",
        need: Need::Test,
        needed_by: "linking",
    },
    Program {
        name: "ip",
        package: "iproute2",
        need: Need::Test,
        needed_by: "network namespaces and veth pairs",
    },
    Program {
        name: "ping",
        package: "iputils-ping",
        need: Need::Test,
        needed_by: "end-to-end tests: echo across a router",
    },
    Program {
        name: "traceroute",
        package: "traceroute",
        need: Need::Test,
        needed_by: "end-to-end tests: errors of a router, seen by a host",
    },
    Program {
        name: "ethtool",
        package: "ethtool",
        need: Need::Test,
        needed_by: "end-to-end tests: hosts that finish their frames",
    },
    Program {
        name: "tshark",
        package: "tshark",
        need: Need::Test,
        needed_by: "end-to-end tests: an opinion on every frame sent",
    },
    Program {
        name: "dnsmasq",
        package: "dnsmasq-base",
        need: Need::Test,
        needed_by: "tests of an example: a DNS server to ask",
    },
    Program {
        name: "c++",
        package: "g++",
        need: Need::Long,
        needed_by: "building the fuzzer's driver",
    },
    Program {
        name: "dpdk-testpmd",
        package: "dpdk-dev",
        need: Need::Bench,
        needed_by: "a peer of the benches",
    },
];

/// What to do about a program that is missing and cannot be installed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Say so: the tests that need it will say that they skip.
    Tell,
    /// Fail.
    Fail,
}

/// Looks for all that `needs` ask for, installs what is missing where that is possible, and says what is not.
pub(crate) fn check(needs: &[Need], missing_ones: Missing) -> Result<(), Box<dyn Error>> {
    let absent = || -> Vec<&Program> {
        let needed = PROGRAMS
            .iter()
            .filter(|program| needs.contains(&program.need));
        needed
            .filter(|program| !is_installed(program.name))
            .collect()
    };
    let mut missing = absent();
    if !missing.is_empty()
        && let Some(installer) = Installer::find()
    {
        if let Err(error) = installer.install(&missing) {
            println!("{error}");
        }
        missing = absent();
    }
    if !missing.is_empty() {
        println!("not installed:");
        for program in &missing {
            println!(
                "  {:<12} {} (Debian: {})",
                program.name, program.needed_by, program.package
            );
        }
        println!(
            "to install on Debian: sudo apt-get install {}",
            packages(&missing)
        );
        if missing_ones == Missing::Fail {
            return Err(
                "programs that the tests need are not installed; here none may be missing".into(),
            );
        }
        println!("the tests that need them will say that they skip");
    }
    if is_root() {
        println!("every program is there, and this is root: no test has a reason to skip");
    } else {
        println!("not root: tests with network namespaces and devices will say that they skip");
        if missing_ones == Missing::Fail {
            return Err("expected to run as root: here no test may skip".into());
        }
    }
    Ok(())
}

fn packages(programs: &[&Program]) -> String {
    let mut names: Vec<_> = programs.iter().map(|program| program.package).collect();
    names.dedup();
    names.join(" ")
}

/// How this machine installs a Debian package.
struct Installer {
    prefix: &'static [&'static str],
}

impl Installer {
    fn find() -> Option<Self> {
        if !Path::new("/etc/debian_version").exists() || !is_installed("apt-get") {
            return None;
        }
        if is_root() {
            return Some(Self { prefix: &[] });
        }
        let silent = Command::new("sudo")
            .args(["-n", "true"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        silent.is_ok_and(|status| status.success()).then_some(Self {
            prefix: &["sudo", "-n"],
        })
    }

    fn install(&self, programs: &[&Program]) -> Result<(), Box<dyn Error>> {
        println!("installing {}", packages(programs));
        self.apt_get(&["update", "-qq"])?;
        let mut arguments = vec!["install", "-qq", "--yes", "--no-install-recommends"];
        arguments.extend(programs.iter().map(|program| program.package));
        self.apt_get(&arguments)
    }

    fn apt_get(&self, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
        // `env` carries the variable through sudo.
        let mut line = self.prefix.to_vec();
        line.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        line.extend(arguments);
        let status = Command::new(line[0])
            .args(&line[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("`apt-get {}` failed: {status}", arguments.join(" ")).into())
        }
    }
}

/// Whether a program is on the path, or where the system's administrator finds it.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|directory| directory.join(program).is_file())
}

/// Whether the effective user is root.
pub(crate) fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .and_then(|ids| ids.split_whitespace().nth(1))
        == Some("0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_is_found_and_nonsense_is_not() {
        assert!(is_installed("sh"));
        assert!(!is_installed("no-such-program-anywhere"));
    }
}
