//! Which organisations' vaults keep a patient's files.
//!
//! Only organisations that give care keep files ([`OrganisationKind::gives_care`]). The files are
//! encrypted, but whoever keeps them sees their sizes and times, and these tell an insurer more
//! than a hospital. Where too few give care there are fewer copies: nobody else takes their place.
//!
//! The organisation that enrolled the patient comes first, because its vault takes the uploads. The
//! others are found by rendezvous hashing (Thaler and Ravishankar, 1998): each scores itself for the
//! patient, and the highest win. So everybody finds the same vaults without asking anybody, and when
//! a member comes or goes, only the files that it gains or loses move.
//!
//! ```text
//! score = blake2b-256("salus/placement/v1" || patient || organisation as u32 LE)
//! ```

use alloc::vec::Vec;

use crate::{OrgId, OrganisationKind, PatientId};

const DOMAIN: &[u8; 18] = b"salus/placement/v1";

/// Returns the keepers of a patient's files, best first: at most `copies` of the organisations that
/// give care and have a vault.
pub fn keepers(
    patient: &PatientId,
    home: OrgId,
    vaults: &[(OrgId, OrganisationKind)],
    copies: u32,
) -> Vec<OrgId> {
    let mut ranked: Vec<OrgId> = vaults
        .iter()
        .filter(|(_, kind)| kind.gives_care())
        .map(|(organisation, _)| *organisation)
        .collect();
    ranked.sort_by_cached_key(|organisation| {
        (
            *organisation != home,
            core::cmp::Reverse(score(patient, *organisation)),
        )
    });
    ranked.truncate(copies as usize);
    ranked
}

fn score(patient: &PatientId, organisation: OrgId) -> [u8; 32] {
    let mut input = Vec::with_capacity(DOMAIN.len() + 20);
    input.extend_from_slice(DOMAIN);
    input.extend_from_slice(&patient.0);
    input.extend_from_slice(&organisation.to_le_bytes());
    sp_io::hashing::blake2_256(&input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    /// Hospitals with these numbers.
    fn hospitals(numbers: &[OrgId]) -> Vec<(OrgId, OrganisationKind)> {
        let hospital = |number: &OrgId| (*number, OrganisationKind::Hospital);
        numbers.iter().map(hospital).collect()
    }

    fn patients() -> impl Iterator<Item = PatientId> {
        (0u32..2_000).map(|n| {
            let mut id = [7; 16];
            id[..4].copy_from_slice(&n.to_le_bytes());
            PatientId(id)
        })
    }

    #[test]
    fn home_comes_first_while_it_has_a_vault() {
        for patient in patients().take(50) {
            assert_eq!(keepers(&patient, 4, &hospitals(&[0, 1, 2, 3, 4]), 3)[0], 4);
            assert!(!keepers(&patient, 4, &hospitals(&[0, 1, 2, 3]), 3).contains(&4));
        }
    }

    #[test]
    fn there_are_as_many_as_wanted_or_as_there_are() {
        let patient = PatientId([1; 16]);
        assert_eq!(keepers(&patient, 0, &hospitals(&[0, 1, 2, 3]), 3).len(), 3);
        assert_eq!(keepers(&patient, 0, &hospitals(&[0, 1]), 3).len(), 2);
        assert!(keepers(&patient, 0, &hospitals(&[]), 3).is_empty());
    }

    const EVERY_KIND: [(OrgId, OrganisationKind); 7] = [
        (0, OrganisationKind::Insurer),
        (1, OrganisationKind::Hospital),
        (2, OrganisationKind::Regulator),
        (3, OrganisationKind::Clinic),
        (4, OrganisationKind::Laboratory),
        (5, OrganisationKind::Research),
        (6, OrganisationKind::Pharmacy),
    ];

    #[test]
    fn only_who_gives_care_keeps_files() {
        for patient in patients() {
            for home in 0..7 {
                let found = keepers(&patient, home, &EVERY_KIND, 3);
                assert_eq!(found.len(), 3);
                assert!(found.iter().all(|keeper| [1, 3, 4, 6].contains(keeper)));
            }
        }
    }

    #[test]
    fn too_few_who_give_care_mean_fewer_copies() {
        for patient in patients().take(50) {
            let mut found = keepers(&patient, 0, &EVERY_KIND, 7);
            found.sort();
            assert_eq!(found, [1, 3, 4, 6]);
            assert_eq!(keepers(&patient, 0, &EVERY_KIND[..3], 3), [1]);
            assert!(keepers(&patient, 0, &EVERY_KIND[..1], 3).is_empty());
        }
    }

    #[test]
    fn who_gives_no_care_moves_no_file_by_coming() {
        for patient in patients().take(200) {
            let without = keepers(&patient, 1, &hospitals(&[1, 3, 4, 6]), 3);
            assert_eq!(keepers(&patient, 1, &EVERY_KIND, 3), without);
        }
    }

    #[test]
    fn the_order_of_the_vaults_does_not_matter() {
        for patient in patients().take(50) {
            assert_eq!(
                keepers(&patient, 9, &hospitals(&[0, 1, 2, 3, 4]), 3),
                keepers(&patient, 9, &hospitals(&[3, 0, 4, 1, 2]), 3)
            );
        }
    }

    #[test]
    fn the_load_is_spread_evenly() {
        let mut kept = BTreeMap::<OrgId, u32>::new();
        for patient in patients() {
            for keeper in keepers(&patient, 0, &hospitals(&[0, 1, 2, 3, 4]), 3) {
                *kept.entry(keeper).or_default() += 1;
            }
        }
        // 0 is everybody's home; the other four share two copies each of 2,000.
        assert_eq!(kept[&0], 2_000);
        for organisation in 1..5 {
            assert!(
                (900..1_100).contains(&kept[&organisation]),
                "{organisation} keeps {}",
                kept[&organisation]
            );
        }
    }

    #[test]
    fn a_member_that_goes_moves_only_what_it_kept() {
        for patient in patients() {
            let before = keepers(&patient, 0, &hospitals(&[0, 1, 2, 3, 4]), 3);
            let after = keepers(&patient, 0, &hospitals(&[0, 1, 2, 3]), 3);
            let stayed = before.iter().filter(|keeper| **keeper != 4);
            assert!(stayed.clone().all(|keeper| after.contains(keeper)));
            if !before.contains(&4) {
                assert_eq!(before, after);
            }
        }
    }

    #[test]
    fn the_score_is_as_written_above() {
        let mut input = b"salus/placement/v1".to_vec();
        input.extend([1; 16]);
        input.extend([5, 0, 0, 0]);
        assert_eq!(
            score(&PatientId([1; 16]), 5),
            sp_io::hashing::blake2_256(&input)
        );
    }
}
