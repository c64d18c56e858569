//! Small doubles of a pallet's neighbours, for its tests. Each is a map that a test fills by hand.

use core::{cell::RefCell, marker::PhantomData};
use std::collections::BTreeMap;

use codec::Encode;
use salus_primitives::{
    rows::DAY,
    traits::{
        Chain, Control, Granting, Keepers, Offers, PatientOrigin, Records, RecoveryPlans, Standing,
        Succession, Trail, TrailAllowance,
    },
    AccountId, Balance, Basis, Cid, ClinicianRole, CompartmentId, ControllerRole, Genesis,
    GrantIndex, GrantTerms, Grantee, Member, Moment, OrgId, PatientId, Purpose, Record,
    RecordIndex, RecordState, RequestIndex, Rights, Scope,
};
use sp_core::H256;
use sp_runtime::{DispatchError, DispatchResult, TokenError, Weight};

pub const OWNER: AccountId = AccountId::new([1; 32]);
pub const GUARDIAN: AccountId = AccountId::new([2; 32]);
pub const CARER: AccountId = AccountId::new([3; 32]);
pub const DOCTOR: AccountId = AccountId::new([4; 32]);
pub const COLLEAGUE: AccountId = AccountId::new([5; 32]);
pub const SERVICE: AccountId = AccountId::new([6; 32]);
pub const ADMIN: AccountId = AccountId::new([7; 32]);
pub const INSURER: AccountId = AccountId::new([8; 32]);
pub const STRANGER: AccountId = AccountId::new([9; 32]);
pub const OTHER_OWNER: AccountId = AccountId::new([10; 32]);

pub const HOSPITAL: OrgId = 0;
pub const INSURANCE: OrgId = 1;

pub const PATIENT: PatientId = PatientId([1; 16]);
pub const OTHER_PATIENT: PatientId = PatientId([2; 16]);
pub const UNKNOWN_PATIENT: PatientId = PatientId([3; 16]);

pub const INTAKE: CompartmentId = CompartmentId([0; 16]);
pub const LABORATORY: CompartmentId = CompartmentId([1; 16]);
pub const NOTES: CompartmentId = CompartmentId([2; 16]);

/// An hour's beginning, so that tests can count hours.
pub const START: Moment = 20_000 * DAY;

#[derive(Default)]
pub struct World {
    pub now: Moment,
    pub members: BTreeMap<AccountId, Member>,
    /// Beside those named above.
    pub more_organisations: u32,
    pub suspended: Vec<OrgId>,
    pub controllers: BTreeMap<(PatientId, AccountId), ControllerRole>,
    /// Of the controllers, those whose role ends some day, and when.
    pub for_a_time: BTreeMap<AccountId, Moment>,
    /// Who enrolled a patient, and when; without a row, the hospital did at `START`.
    pub enrolled: BTreeMap<PatientId, (OrgId, Moment)>,
    /// When a patient last changed hands; enrolment is at 0.
    pub decided_since: BTreeMap<PatientId, Moment>,
    pub voided: Vec<PatientId>,
    /// What is left of an organisation's entries in a patient's trail; without a row, enough.
    pub entries: BTreeMap<(PatientId, OrgId), u32>,
    /// Organisations whose vaults keep nothing.
    pub no_keepers: Vec<OrgId>,
    /// Until when recoveries under way put off what is irrevocable.
    pub put_off: BTreeMap<PatientId, Moment>,
    pub compartments: Vec<(PatientId, CompartmentId)>,
    pub records: BTreeMap<(PatientId, RecordIndex), Record>,
    pub granted: Vec<Granted>,
    pub credits: BTreeMap<AccountId, Balance>,
    /// Who offers how much, and until when.
    pub offers: BTreeMap<(PatientId, RequestIndex), (AccountId, Balance, Moment)>,
}

/// What a pallet had granted by [`Granting`], under the index it has in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub patient: PatientId,
    pub actor: AccountId,
    pub terms: GrantTerms,
    pub envelope: Option<Cid>,
    pub basis: Basis,
    /// Who ended it.
    pub ended_by: Option<AccountId>,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

pub fn with<R>(f: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with(|world| f(&mut world.borrow_mut()))
}

/// Everybody named above in their places; three compartments of each patient with a record each,
/// anchored at `START`: 0 in intake, 1 in laboratory, 2 in notes. The doctor has 100 credits.
pub fn reset() {
    let clinician = |organisation, role| Member::Clinician { organisation, role };
    let member = |account, member| with(|w| w.members.insert(account, member));
    with(|w| {
        *w = World {
            now: START,
            ..World::default()
        }
    });
    member(DOCTOR, clinician(HOSPITAL, ClinicianRole::Physician));
    member(COLLEAGUE, clinician(HOSPITAL, ClinicianRole::Nurse));
    member(SERVICE, clinician(HOSPITAL, ClinicianRole::Service));
    member(
        ADMIN,
        Member::Admin {
            organisation: HOSPITAL,
        },
    );
    member(INSURER, clinician(INSURANCE, ClinicianRole::Administrator));
    with(|w| {
        w.credits.insert(DOCTOR, 100);
        w.controllers
            .insert((PATIENT, OWNER), ControllerRole::Owner);
        w.controllers
            .insert((PATIENT, GUARDIAN), ControllerRole::Decider);
        w.controllers
            .insert((PATIENT, CARER), ControllerRole::Carer);
        w.controllers
            .insert((OTHER_PATIENT, OTHER_OWNER), ControllerRole::Owner);
    });
    for patient in [PATIENT, OTHER_PATIENT] {
        for (index, compartment) in [INTAKE, LABORATORY, NOTES].into_iter().enumerate() {
            with(|w| w.compartments.push((patient, compartment)));
            anchor(patient, index as RecordIndex, compartment, START);
        }
    }
}

pub fn anchor(patient: PatientId, index: RecordIndex, compartment: CompartmentId, at: Moment) {
    let record = Record {
        compartment,
        epoch: 0,
        author: COLLEAGUE,
        person: None,
        organisation: Some(HOSPITAL),
        placed_by: COLLEAGUE,
        content: cid(index as u8),
        commitment: H256::zero(),
        anchored_at: at,
        corrects: None,
        corrected_by: None,
        state: RecordState::Current,
    };
    with(|w| w.records.insert((patient, index), record));
}

pub fn set_record_state(patient: PatientId, index: RecordIndex, state: RecordState) {
    with(|w| {
        w.records
            .get_mut(&(patient, index))
            .expect("anchored")
            .state = state
    });
}

pub fn now() -> Moment {
    with(|w| w.now)
}

pub fn set_now(now: Moment) {
    with(|w| w.now = now);
}

pub fn credits(account: &AccountId) -> Balance {
    with(|w| w.credits.get(account).copied().unwrap_or_default())
}

pub fn cid(n: u8) -> Cid {
    Cid::dag_pb([n; 32])
}

pub fn clinician(account: AccountId) -> Grantee {
    Grantee::Clinician {
        account,
        organisation: HOSPITAL,
    }
}

pub fn compartments(ids: &[CompartmentId]) -> Scope {
    Scope::Compartments(ids.to_vec().try_into().expect("within bounds"))
}

pub fn records(indices: &[RecordIndex]) -> Scope {
    Scope::Records(indices.to_vec().try_into().expect("within bounds"))
}

/// Laboratory to the doctor at her hospital, to read, for treatment, from now for 7 days.
pub fn terms() -> GrantTerms {
    GrantTerms {
        grantee: clinician(DOCTOR),
        scope: compartments(&[LABORATORY]),
        rights: Rights::Read,
        purpose: Purpose::Treat,
        starts_at: None,
        expires_at: now() + 7 * DAY,
        anchored_from: None,
        anchored_until: None,
        terms: None,
        flags: 0,
        derived_from: None,
    }
}

/// Admits so many more organisations.
pub fn add_organisations(count: u32) -> Vec<OrgId> {
    let first = INSURANCE + 1 + with(|w| w.more_organisations);
    with(|w| w.more_organisations += count);
    (first..first + count).collect()
}

/// Opens so many more compartments.
pub fn add_compartments(patient: PatientId, count: u32) -> Vec<CompartmentId> {
    let present = with(|w| w.compartments.len() as u32);
    (present..present + count)
        .map(|n| {
            let mut id = [0xff; 16];
            id[..4].copy_from_slice(&n.to_be_bytes());
            with(|w| w.compartments.push((patient, CompartmentId(id))));
            CompartmentId(id)
        })
        .collect()
}

/// Anchors so many more records, spread over the compartments.
pub fn add_records(
    patient: PatientId,
    compartments: &[CompartmentId],
    count: u32,
) -> Vec<RecordIndex> {
    let first = 100 + with(|w| w.records.len() as RecordIndex);
    let indices: Vec<_> = (first..first + count).collect();
    for index in &indices {
        let compartment = compartments[*index as usize % compartments.len()];
        anchor(patient, *index, compartment, START);
    }
    indices
}

/// Deposits, after looking whether the event begins with the patient whose trail it goes to.
pub struct TrailDouble<T>(PhantomData<T>);

impl<T: frame_system::Config> Trail<T::RuntimeEvent> for TrailDouble<T> {
    fn deposit(patient: &PatientId, event: T::RuntimeEvent) {
        // After the indices of pallet and event.
        assert_eq!(
            event.encode()[2..18],
            patient.0,
            "an event in a stranger's trail"
        );
        frame_system::Pallet::<T>::deposit_event(event);
    }
}

pub struct Doubles;

impl Chain for Doubles {
    fn now() -> Moment {
        now()
    }
    fn genesis() -> Genesis {
        H256([42; 32])
    }
}

impl Standing<AccountId> for Doubles {
    fn member(account: &AccountId) -> Option<Member> {
        with(|w| {
            w.members
                .get(account)
                .filter(|member| !w.suspended.contains(&member.organisation()))
                .cloned()
        })
    }
    fn organisation_is_active(organisation: OrgId) -> bool {
        with(|w| {
            organisation <= INSURANCE + w.more_organisations && !w.suspended.contains(&organisation)
        })
    }
    fn is_staff(account: &AccountId) -> bool {
        Self::member(account).is_some()
    }
    fn administers(account: &AccountId) -> Option<OrgId> {
        with(|w| match w.members.get(account) {
            Some(Member::Admin { organisation }) => Some(*organisation),
            _ => None,
        })
    }
    fn grantee_is_active(grantee: &Grantee) -> bool {
        match grantee {
            Grantee::Clinician {
                account,
                organisation,
            } => Self::member(account).is_some_and(|m| m.organisation() == *organisation),
            Grantee::Organisation(organisation) => Self::organisation_is_active(*organisation),
        }
    }
}

impl Control<AccountId> for Doubles {
    fn is_enrolled(patient: &PatientId) -> bool {
        with(|w| {
            w.controllers
                .keys()
                .any(|(enrolled, _)| enrolled == patient)
        })
    }
    fn decided_since(patient: &PatientId) -> Moment {
        with(|w| w.decided_since.get(patient).copied().unwrap_or_default())
    }
    fn enrolment(patient: &PatientId) -> Option<(OrgId, Moment)> {
        let enrolled = with(|w| w.enrolled.get(patient).copied());
        Self::is_enrolled(patient).then(|| enrolled.unwrap_or((HOSPITAL, START)))
    }
    fn voided_by(patient: &PatientId) -> Option<OrgId> {
        with(|w| w.voided.contains(patient).then_some(HOSPITAL))
    }
    fn role(patient: &PatientId, account: &AccountId) -> Option<ControllerRole> {
        with(|w| w.controllers.get(&(*patient, account.clone())).copied())
    }
    fn ensure_decides(
        patient: PatientId,
        who: AccountId,
    ) -> Result<PatientOrigin<AccountId>, DispatchError> {
        let by = Self::ensure_answers(patient, who)?;
        match by.role {
            ControllerRole::Carer => Err(DispatchError::BadOrigin),
            _ => Ok(by),
        }
    }
    fn ensure_answers(
        patient: PatientId,
        who: AccountId,
    ) -> Result<PatientOrigin<AccountId>, DispatchError> {
        let role = Self::role(&patient, &who).ok_or(DispatchError::BadOrigin)?;
        let until = with(|w| w.for_a_time.get(&who).copied());
        Ok(PatientOrigin {
            patient,
            actor: who,
            role,
            until,
        })
    }
}

impl Succession<AccountId> for Doubles {
    fn has_owner(patient: &PatientId) -> bool {
        with(|w| {
            w.controllers
                .iter()
                .any(|((of, _), role)| of == patient && *role == ControllerRole::Owner)
        })
    }
    fn owns_for_good(patient: &PatientId, account: &AccountId) -> bool {
        Self::role(patient, account) == Some(ControllerRole::Owner)
            && with(|w| !w.for_a_time.contains_key(account))
    }
    fn has_other_owner_for_good(patient: &PatientId, account: &AccountId) -> bool {
        let owners: Vec<_> = with(|w| {
            w.controllers
                .keys()
                .filter(|(of, other)| of == patient && other != account)
                .map(|(_, other)| other.clone())
                .collect()
        });
        owners
            .iter()
            .any(|other| Self::owns_for_good(patient, other))
    }
    fn ensure_may_own(account: &AccountId) -> DispatchResult {
        match Self::is_staff(account) {
            true => Err(DispatchError::Other("staff")),
            false => Ok(()),
        }
    }
    fn succeed(patient: PatientId, _actor: &AccountId, owner: &AccountId) -> DispatchResult {
        Self::ensure_may_own(owner)?;
        with(|w| {
            w.controllers.retain(|(of, _), _| *of != patient);
            w.controllers
                .insert((patient, owner.clone()), ControllerRole::Owner);
        });
        Ok(())
    }
    fn weight() -> Weight {
        Weight::zero()
    }
}

impl Records<AccountId> for Doubles {
    fn record(patient: &PatientId, index: RecordIndex) -> Option<Record> {
        with(|w| w.records.get(&(*patient, index)).cloned())
    }
    fn compartments_exist(patient: &PatientId, compartments: &[CompartmentId]) -> bool {
        with(|w| {
            compartments
                .iter()
                .all(|id| w.compartments.contains(&(*patient, *id)))
        })
    }
    fn link_correction(_: &PatientId, _: RecordIndex, _: RecordIndex) -> DispatchResult {
        Ok(())
    }
}

impl TrailAllowance for Doubles {
    fn spend(patient: &PatientId, organisation: OrgId, entries: u32) -> DispatchResult {
        with(|w| match w.entries.get_mut(&(*patient, organisation)) {
            Some(left) if *left < entries => Err(DispatchError::Exhausted),
            Some(left) => {
                *left -= entries;
                Ok(())
            }
            None => Ok(()),
        })
    }
}

impl Keepers for Doubles {
    fn keeps(_: &PatientId, organisation: OrgId) -> bool {
        with(|w| !w.no_keepers.contains(&organisation))
    }
}

impl RecoveryPlans for Doubles {
    fn notice(_: &PatientId) -> Option<Moment> {
        None
    }
    fn not_before(patient: &PatientId, due: Moment) -> Moment {
        with(|w| w.put_off.get(patient).map_or(due, |until| due.max(*until)))
    }
}

impl Granting<AccountId> for Doubles {
    fn grant(
        patient: PatientId,
        actor: AccountId,
        terms: GrantTerms,
        envelope: Option<Cid>,
        basis: Basis,
    ) -> Result<GrantIndex, DispatchError> {
        with(|w| {
            w.granted.push(Granted {
                patient,
                actor,
                terms,
                envelope,
                basis,
                ended_by: None,
            });
            Ok(w.granted.len() as GrantIndex - 1)
        })
    }
    fn end(patient: PatientId, actor: AccountId, grant: GrantIndex) -> DispatchResult {
        with(|w| {
            let row = w
                .granted
                .get_mut(grant as usize)
                .filter(|row| row.patient == patient)
                .ok_or(DispatchError::CannotLookup)?;
            row.ended_by.get_or_insert(actor);
            Ok(())
        })
    }
}

impl Offers<AccountId> for Doubles {
    fn offer(
        patient: PatientId,
        request: RequestIndex,
        from: &AccountId,
        amount: Balance,
        until: Moment,
    ) -> DispatchResult {
        let left = credits(from)
            .checked_sub(amount)
            .ok_or(TokenError::FundsUnavailable)?;
        with(|w| {
            w.credits.insert(from.clone(), left);
            w.offers
                .insert((patient, request), (from.clone(), amount, until));
        });
        Ok(())
    }
    fn is_offered(patient: &PatientId, request: RequestIndex) -> bool {
        with(|w| w.offers.contains_key(&(*patient, request)))
    }
    fn pay(patient: PatientId, request: RequestIndex, to: &AccountId) -> DispatchResult {
        with(|w| {
            if let Some((_, amount, _)) = w.offers.remove(&(patient, request)) {
                *w.credits.entry(to.clone()).or_default() += amount;
            }
        });
        Ok(())
    }
    fn give_back(patient: PatientId, request: RequestIndex) {
        with(|w| {
            if let Some((from, amount, _)) = w.offers.remove(&(patient, request)) {
                *w.credits.entry(from).or_default() += amount;
            }
        });
    }
}
