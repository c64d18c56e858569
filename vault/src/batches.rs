//! Batches that the chain takes as a whole or not at all.

use std::collections::BTreeMap;
use std::future::Future;

use salus_primitives::PatientId;

use crate::error::ApiError;

/// Sorts what is to be said about several patients by patient.
pub fn by_patient<T>(
    items: impl IntoIterator<Item = T>,
    patient: impl Fn(&T) -> PatientId,
) -> Vec<Vec<T>> {
    let mut groups: BTreeMap<PatientId, Vec<T>> = BTreeMap::new();
    for item in items {
        groups.entry(patient(&item)).or_default().push(item);
    }
    groups.into_values().collect()
}

/// Offers groups together, and halves of them where the chain refuses, so that one group that it
/// does not take holds up no other. `refused` says that all of them together have been refused
/// already. Returns the groups that the chain refused by themselves.
pub async fn offer<T, F>(
    groups: Vec<Vec<T>>,
    refused: bool,
    take: impl Fn(Vec<T>) -> F,
) -> Result<Vec<T>, ApiError>
where
    T: Clone,
    F: Future<Output = Result<bool, ApiError>>,
{
    let mut left = Vec::new();
    let mut known = refused;
    let mut parts = vec![groups];
    while let Some(mut part) = parts.pop() {
        if part.is_empty() || (!known && take(part.concat()).await?) {
            continue;
        }
        known = false;
        match part.len() {
            1 => left.append(&mut part.concat()),
            many => {
                let rest = part.split_off(many / 2);
                parts.extend([rest, part]);
            }
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// What was taken and what was left, of a chain that takes no batch with one of these in it.
    async fn offered(groups: &[&[u8]], refuses: &[u8], known: bool) -> (Vec<u8>, Vec<u8>, usize) {
        let taken = RefCell::new(Vec::new());
        let offers = RefCell::new(0);
        let groups = groups.iter().map(|group| group.to_vec()).collect();
        let left = offer(groups, known, |part| {
            *offers.borrow_mut() += 1;
            let takes = !part.iter().any(|item| refuses.contains(item));
            if takes {
                taken.borrow_mut().extend(part);
            }
            async move { Ok(takes) }
        });
        let left = left.await.unwrap();
        (taken.into_inner(), left, offers.into_inner())
    }

    #[tokio::test]
    async fn one_group_that_is_refused_holds_up_no_other() {
        let groups: [&[u8]; 5] = [&[1, 2], &[3], &[4, 5], &[6], &[7]];
        assert_eq!(
            offered(&groups, &[], false).await,
            (vec![1, 2, 3, 4, 5, 6, 7], vec![], 1)
        );
        let (taken, left, _) = offered(&groups, &[4], false).await;
        assert_eq!((taken, left), (vec![1, 2, 3, 6, 7], vec![4, 5]));
        let (taken, left, _) = offered(&groups, &[1, 3, 4, 6, 7], false).await;
        assert_eq!((taken, left), (vec![], vec![1, 2, 3, 4, 5, 6, 7]));
    }

    #[tokio::test]
    async fn what_was_refused_already_is_not_offered_again() {
        assert_eq!(
            offered(&[&[1, 2]], &[1], true).await,
            (vec![], vec![1, 2], 0)
        );
        assert_eq!(offered(&[], &[], true).await, (vec![], vec![], 0));
        let (taken, left, offers) = offered(&[&[1], &[2]], &[1], true).await;
        assert_eq!((taken, left, offers), (vec![2], vec![1], 2));
    }
}
