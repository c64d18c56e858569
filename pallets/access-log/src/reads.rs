//! One root a day over all logs of own reads of a vault.

use super::*;

/// What an organisation's vault has committed for a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct ReadRoot {
    /// Whole days since the Unix epoch.
    pub day: u32,
    pub root: H256,
}

impl<T: Config> Pallet<T> {
    /// The roots that are kept of an organisation, by day in ascending order.
    pub fn read_roots(organisation: OrgId) -> alloc::vec::Vec<(u32, H256)> {
        let rows = ReadRoots::<T>::iter_prefix_values(organisation);
        let mut roots: alloc::vec::Vec<_> = rows.map(|row| (row.day, row.root)).collect();
        roots.sort_unstable();
        roots
    }

    /// The root of a day; none if it was not committed, or long ago.
    pub fn read_root(organisation: OrgId, day: u32) -> Option<H256> {
        ReadRoots::<T>::get(organisation, day % ROOTS_KEPT)
            .filter(|row| row.day == day)
            .map(|row| row.root)
    }

    /// The day whose reads can be committed at this moment; none on the first day of the epoch.
    pub(crate) fn day_before(now: Moment) -> Option<u32> {
        day_of(now).checked_sub(1)
    }

    pub(crate) fn do_commit_reads(actor: AccountId, day: u32, root: H256) -> Result<(), Error<T>> {
        let organisation = T::Standing::member(&actor)
            .filter(Member::is_service)
            .map(|member| member.organisation())
            .ok_or(Error::<T>::NotAService)?;
        ensure!(
            Self::day_before(T::Chain::now()) == Some(day),
            Error::<T>::NotTheDayBefore
        );
        ensure!(
            Self::read_root(organisation, day).is_none(),
            Error::<T>::AlreadyCommitted
        );

        ReadRoots::<T>::insert(organisation, day % ROOTS_KEPT, ReadRoot { day, root });
        let event = Event::<T>::ReadsCommitted {
            actor,
            organisation,
            day,
            root,
        };
        frame_system::Pallet::<T>::deposit_event(<T as frame_system::Config>::RuntimeEvent::from(
            event,
        ));
        Ok(())
    }
}

#[cfg(any(feature = "try-runtime", test))]
impl<T: Config> Pallet<T> {
    pub(crate) fn try_state_of_reads() -> Result<(), sp_runtime::TryRuntimeError> {
        let today = day_of(T::Chain::now());
        for (_, slot, row) in ReadRoots::<T>::iter() {
            // 8. A root stands in its day's place, and its day is over.
            ensure!(
                slot == row.day % ROOTS_KEPT && row.day < today,
                "a root out of place, or of a day to come"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use frame_support::{assert_noop, assert_ok};
    use salus_primitives::rows::DAY;
    use sp_runtime::{traits::BadOrigin, DispatchResult};

    use super::*;
    use crate::mock::*;

    const ROOT: H256 = H256::repeat_byte(7);
    const YESTERDAY: u32 = 19_999;

    fn commit(who: AccountId, day: u32, root: H256) -> DispatchResult {
        AccessLog::commit_reads(RuntimeOrigin::signed(who), day, root)
    }

    #[test]
    fn a_root_is_committed_with_an_event_about_nobody() {
        ExtBuilder.build_and_execute(|| {
            let heads = crate::TrailHeads::<Test>::iter().count();
            assert_ok!(commit(SERVICE, YESTERDAY, ROOT));
            let event = Event::<Test>::ReadsCommitted {
                actor: SERVICE,
                organisation: HOSPITAL,
                day: YESTERDAY,
                root: ROOT,
            };
            System::assert_last_event(event.into());
            assert_eq!(AccessLog::read_roots(HOSPITAL), [(YESTERDAY, ROOT)]);
            assert_eq!(crate::TrailHeads::<Test>::iter().count(), heads);
        });
    }

    #[test]
    fn only_services_in_good_standing_commit() {
        ExtBuilder.build_and_execute(|| {
            for who in [DOCTOR, ADMIN, OWNER, STRANGER] {
                assert_noop!(commit(who, YESTERDAY, ROOT), Error::<Test>::NotAService);
            }
            with(|w| w.suspended.push(HOSPITAL));
            assert_noop!(commit(SERVICE, YESTERDAY, ROOT), Error::<Test>::NotAService);
            for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
                let attempt = AccessLog::commit_reads(origin, YESTERDAY, ROOT);
                assert_noop!(attempt, BadOrigin);
            }
        });
    }

    #[test]
    fn only_the_day_before_is_committed_and_once_for_an_organisation() {
        ExtBuilder.build_and_execute(|| {
            for day in [0, YESTERDAY - 1, YESTERDAY + 1, YESTERDAY + 2, u32::MAX] {
                assert_noop!(commit(SERVICE, day, ROOT), Error::<Test>::NotTheDayBefore);
            }
            assert_ok!(commit(SERVICE, YESTERDAY, ROOT));
            for root in [ROOT, H256::zero()] {
                assert_noop!(
                    commit(SERVICE, YESTERDAY, root),
                    Error::<Test>::AlreadyCommitted
                );
            }
            set_now(START + DAY - 1);
            assert_noop!(
                commit(SERVICE, YESTERDAY + 1, ROOT),
                Error::<Test>::NotTheDayBefore
            );
            set_now(START + DAY);
            assert_ok!(commit(SERVICE, YESTERDAY + 1, H256::zero()));
            assert_eq!(AccessLog::read_root(HOSPITAL, YESTERDAY), Some(ROOT));
            assert_eq!(AccessLog::read_roots(INSURANCE), []);
        });
    }

    #[test]
    fn a_year_of_roots_takes_the_rows_of_a_month() {
        ExtBuilder.build_and_execute(|| {
            for n in 0..365u32 {
                set_now(START + u64::from(n) * DAY);
                let root = H256::from_low_u64_be(n.into());
                assert_ok!(commit(SERVICE, YESTERDAY + n, root));
                AccessLog::do_try_state().unwrap();
            }
            assert_eq!(ReadRoots::<Test>::iter().count() as u32, ROOTS_KEPT);
            let days: Vec<u32> = (AccessLog::read_roots(HOSPITAL).iter())
                .map(|(day, _)| *day)
                .collect();
            let last = YESTERDAY + 364;
            assert_eq!(days, (last + 1 - ROOTS_KEPT..=last).collect::<Vec<_>>());
            // What was overwritten is no other day's.
            assert_eq!(AccessLog::read_root(HOSPITAL, last - ROOTS_KEPT), None);
        });
    }

    #[test]
    fn nothing_is_committed_on_the_first_day_of_the_epoch() {
        ExtBuilder.build().execute_with(|| {
            set_now(DAY - 1);
            for day in [0, u32::MAX] {
                assert_noop!(commit(SERVICE, day, ROOT), Error::<Test>::NotTheDayBefore);
            }
        });
    }
}
