//! Files that lie with houses that give no care.

use super::Analyst;
use crate::{
    score::{Fact, Look},
    Outside, Truth,
};

pub struct Insurers;

const CARE: [&str; 4] = ["Hospital", "Clinic", "Laboratory", "Pharmacy"];

impl Analyst for Insurers {
    fn row(&self) -> u8 {
        17
    }

    fn what(&self) -> &'static str {
        "files on disks of houses that give no care"
    }

    fn look(&self, outside: &Outside) -> Look {
        let houses = outside.organisations();
        let cares = |organisation: &u32| {
            houses
                .get(organisation)
                .is_some_and(|(kind, _)| CARE.contains(&kind.as_str()))
        };
        if outside.disks.iter().all(|disk| cares(&disk.organisation)) {
            return Look::Nothing("no house without care has a disk".into());
        }
        let files = |disk: &&crate::outside::Disk| {
            disk.files
                .iter()
                .filter(|file| file.object().is_some())
                .count()
        };
        let others = outside
            .disks
            .iter()
            .filter(|disk| !cares(&disk.organisation));
        Look::Open {
            found: others.map(|disk| files(&disk)).sum(),
            of: outside.disks.iter().map(|disk| files(&disk)).sum(),
        }
    }

    fn facts(&self, _: &Truth) -> Vec<Fact> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outside::{made::row, Disk, File},
        score::score,
    };
    use serde_json::json;

    #[test]
    fn an_insurer_with_files_is_noticed() {
        let mut outside = Outside::default();
        for (organisation, kind) in [(0, "Hospital"), (1, "Insurer")] {
            outside.state.push(row(
                "Members.Organisations",
                vec![json!(organisation)],
                json!({"kind": kind, "name": "0x41"}),
            ));
            outside.disks.push(Disk {
                organisation,
                files: vec![File {
                    path: "objects/record/bafy/bafk".into(),
                    ..File::default()
                }],
            });
        }
        let figure = score(&Insurers.look(&outside), &[]);
        assert_eq!((figure.hits, figure.of), (1, 2));
        assert!(!figure.is_chance(0.0));
        outside.disks[1].files.clear();
        assert!(score(&Insurers.look(&outside), &[]).is_chance(0.0));
    }
}
