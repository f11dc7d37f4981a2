//! Which crate may depend on what, where `unsafe` may stand, and who does without std.

use std::fs;
use std::path::Path;

use crate::workspace::{Package, Workspace};

/// How much of the standard library a crate has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Library {
    Core,
    Alloc,
    Std,
}

/// Where a crate may write `unsafe`.
#[derive(Clone, Copy)]
enum Unsafe {
    Nowhere,
    /// In these files of its `src`.
    In(&'static [&'static str]),
    Anywhere,
}

/// What a crate may be made of. Dev-dependencies are free.
struct Crate {
    /// The folder under `crates/`; the package is `waypost-NAME`, and `waypost` for `waypost`.
    name: &'static str,
    /// Packages of ours, by folder.
    ours: &'static [&'static str],
    outside: &'static [&'static str],
    library: Library,
    unsafe_code: Unsafe,
}

/// The truth about who may depend on whom. Arrows point down only.
const CRATES: &[Crate] = &[
    Crate {
        name: "wire",
        ours: &[],
        outside: &[],
        library: Library::Core,
        unsafe_code: Unsafe::In(&["view.rs", "prefetch.rs"]),
    },
    Crate {
        name: "netdev",
        ours: &["wire"],
        outside: &[],
        library: Library::Core,
        unsafe_code: Unsafe::Nowhere,
    },
    Crate {
        name: "ip",
        ours: &["wire"],
        outside: &[],
        library: Library::Core,
        unsafe_code: Unsafe::Nowhere,
    },
    Crate {
        name: "packet",
        ours: &["wire", "netdev"],
        outside: &[],
        library: Library::Alloc,
        unsafe_code: Unsafe::Anywhere,
    },
    Crate {
        name: "device",
        ours: &["wire", "netdev", "packet"],
        outside: &["libc", "rustix"],
        library: Library::Std,
        unsafe_code: Unsafe::Anywhere,
    },
    Crate {
        name: "graph-text",
        ours: &[],
        outside: &["miette"],
        library: Library::Std,
        unsafe_code: Unsafe::Nowhere,
    },
    Crate {
        name: "graph",
        ours: &["wire", "netdev", "packet", "graph-text"],
        outside: &["tokio", "futures-core"],
        library: Library::Std,
        unsafe_code: Unsafe::Nowhere,
    },
    Crate {
        name: "elements",
        ours: &["wire", "netdev", "packet", "graph", "ip", "device"],
        outside: &[],
        library: Library::Std,
        unsafe_code: Unsafe::Nowhere,
    },
    Crate {
        name: "sim",
        ours: &["wire", "netdev"],
        outside: &[],
        library: Library::Std,
        unsafe_code: Unsafe::Nowhere,
    },
    Crate {
        name: "waypost",
        ours: &[
            "wire",
            "netdev",
            "ip",
            "packet",
            "device",
            "graph-text",
            "graph",
            "elements",
            "sim",
        ],
        outside: &[
            "clap",
            "miette",
            "ratatui",
            "rustix",
            "serde_json",
            "tokio",
            "toml",
            "tracing",
            "tracing-subscriber",
        ],
        library: Library::Std,
        unsafe_code: Unsafe::Nowhere,
    },
];

/// What every crate with std may use besides: errors and events are written the same way everywhere.
const WITH_STD: &[&str] = &["thiserror", "tracing"];

/// Dependencies for these configurations are test tools: no user's build has them.
const TEST_CONFIGURATIONS: &[&str] = &["cfg(loom)", "cfg(fuzzing)"];

/// Packages outside `crates/` that need `unsafe`, and the files that allow it: the benches read the
/// processor's clock, and their floor is made of bare pointers; an allocator's interface is unsafe.
const UNSAFE_ELSEWHERE: &[(&str, &[&str])] = &[
    ("waypost-bench", &["main.rs"]),
    ("waypost-counting", &["lib.rs"]),
];

/// Everything that a package breaks, as lines to read.
pub(super) fn check(workspace: &Workspace) -> Vec<String> {
    let mut broken = Vec::new();
    for package in &workspace.packages {
        broken.extend(check_manifest(package));
        let under_crates = package
            .directory
            .strip_prefix(workspace.root.join("crates"));
        let Ok(folder) = under_crates else {
            // Chores, tests, benches, fuzz targets and examples may depend on anything.
            if let Some((_, places)) = UNSAFE_ELSEWHERE
                .iter()
                .find(|(name, _)| *name == package.name)
            {
                broken.extend(strays(&package.directory.join("src"), places));
                continue;
            }
            let forbids = |root: &&Path| !has(root, "#![forbid(unsafe_code)]");
            let roots = package.roots.iter().map(|root| root.as_path());
            broken.extend(
                roots
                    .filter(forbids)
                    .map(|root| format!("{}: expected `#![forbid(unsafe_code)]`", root.display())),
            );
            continue;
        };
        let folder = folder.to_string_lossy();
        match CRATES.iter().find(|known| known.name == folder) {
            Some(known) => broken.extend(check_crate(known, package)),
            None => broken.push(format!(
                "crates/{folder}: not in the table of crates (xtask/src/tidy/crates.rs): add what it may depend on"
            )),
        }
    }
    broken
}

fn check_manifest(package: &Package) -> Option<String> {
    let manifest = package.directory.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap_or_default();
    let inherits = text
        .split_once("\n[lints]\n")
        .is_some_and(|(_, lints)| lints.starts_with("workspace = true"));
    (!inherits).then(|| {
        format!(
            "{}: expected `[lints]` with `workspace = true`",
            manifest.display()
        )
    })
}

fn check_crate(known: &Crate, package: &Package) -> Vec<String> {
    let mut broken = Vec::new();
    let name = known.name;
    if package.name != package_name(name) {
        broken.push(format!(
            "crates/{name}: expected a package named `{}`, found `{}`",
            package_name(name),
            package.name
        ));
    }
    for dependency in &package.dependencies {
        let configuration = dependency.target.as_deref().unwrap_or_default();
        if TEST_CONFIGURATIONS.contains(&configuration) {
            continue;
        }
        let wanted = dependency.name.as_str();
        let allowed = if dependency.ours {
            known.ours.iter().any(|ours| package_name(ours) == wanted)
        } else {
            let with_std = known.library == Library::Std && WITH_STD.contains(&wanted);
            known.outside.contains(&wanted) || with_std
        };
        if !allowed {
            broken.push(format!("crates/{name}: may not depend on `{wanted}`"));
        }
    }
    for root in &package.roots {
        if known.library != Library::Std && !has(root, "no_std") {
            broken.push(format!("{}: expected `#![no_std]`", root.display()));
        }
        let attribute = match known.unsafe_code {
            Unsafe::Nowhere => "#![forbid(unsafe_code)]",
            Unsafe::In(_) | Unsafe::Anywhere => "#![deny(unsafe_code)]",
        };
        if !has(root, attribute) {
            broken.push(format!("{}: expected `{attribute}`", root.display()));
        }
    }
    if let Unsafe::In(places) = known.unsafe_code {
        broken.extend(strays(&package.directory.join("src"), places));
    }
    broken
}

/// The files that allow themselves `unsafe`, and are not among those that may.
fn strays(source: &Path, places: &[&str]) -> Vec<String> {
    let places: Vec<_> = places.iter().map(|place| source.join(place)).collect();
    let rust = super::files::rust_files(source);
    let strays = rust
        .iter()
        .filter(|file| !places.contains(file) && has(file, "allow(unsafe_code)"));
    strays
        .map(|file| format!("{}: `unsafe` may not stand here", file.display()))
        .collect()
}

fn package_name(folder: &str) -> String {
    if folder == "waypost" {
        folder.to_owned()
    } else {
        format!("waypost-{folder}")
    }
}

fn has(file: &Path, what: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|text| text.contains(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_point_to_crates_that_stand_above_in_the_table() {
        for (place, known) in CRATES.iter().enumerate() {
            for ours in known.ours {
                let at = CRATES.iter().position(|other| other.name == *ours);
                assert!(at.is_some_and(|at| at < place), "{} -> {ours}", known.name);
            }
        }
    }
}
