//! A chain small enough to be steered by a test.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use futures::FutureExt;
use salus_client::files::age::EncryptionKey;
use salus_client::keys::AccountKey;
use salus_primitives::api::GrantView;
use salus_primitives::predicate::glass_lasts;
use salus_primitives::{
    AccountId, BlockNumber, Cid, Controller, CorrectionIndex, Delivery, EmergencyPlan, Genesis,
    Glass, GlassIndex, GrantIndex, Grantee, LetterStage, Member, Moment, ObjectKind, OrgId,
    Patient, PatientId, Record, RecordIndex, RecordState, Reference, Request, RequestIndex, Scope,
    SignedRecipient, Subject, DAY,
};
use salus_vault::ledger::{
    Answer, Change, Chart, EntryId, Head, Ledger, LedgerError, Named, Opened, Peer,
};
use sp_core::H256;

pub const GENESIS: Genesis = H256([7; 32]);

#[derive(Default)]
pub struct State {
    pub down: bool,
    pub number: u32,
    /// The next block is finalized while somebody waits for it.
    pub lags: bool,
    pub moment: Moment,
    pub members: HashMap<AccountId, Member>,
    pub controllers: HashMap<(PatientId, AccountId), Controller>,
    pub patients: HashMap<PatientId, Patient>,
    pub records: HashMap<(PatientId, RecordIndex), Record>,
    pub grants: HashMap<(PatientId, GrantIndex), GrantView>,
    pub requests: HashMap<(PatientId, RequestIndex), Request>,
    pub letters: HashMap<(PatientId, CorrectionIndex, LetterStage), (Cid, AccountId, AccountId)>,
    /// Entries of canonical blocks, with the number of their block.
    pub entries: HashMap<(H256, u32), (u32, Opened)>,
    /// Plans and glasses, with the number of the block that they stand in from on.
    pub plans: HashMap<PatientId, (u32, EmergencyPlan)>,
    pub glasses: HashMap<(PatientId, GlassIndex), (u32, Glass)>,
    pub recipients: HashMap<AccountId, SignedRecipient>,
    pub rejects_recipients: bool,
    pub inboxes: HashMap<PatientId, SignedRecipient>,
    /// What each organisation has committed of own reads.
    pub read_roots: HashMap<OrgId, Vec<(u32, H256)>>,
    pub rejects_commitments: bool,
    /// Objects named by something that is not modelled.
    pub named: Vec<(ObjectKind, Cid)>,
    /// The node does not answer to deliveries.
    pub rejects_deliveries: bool,
    /// Records of which the chain takes no report, and patients whose trail has no room left.
    pub unreportable: Vec<RecordIndex>,
    pub full_trails: Vec<PatientId>,
    pub delivered: Vec<Delivery>,
    pub batches_offered: u32,
    /// The files that records named lately.
    pub former: HashMap<(PatientId, RecordIndex), Vec<Named>>,
    pub peers: Vec<Peer>,
    pub keepers: Vec<OrgId>,
    pub changes: HashMap<BlockNumber, Vec<Change>>,
    /// The organisation whose vault the test lets confirm next.
    pub confirming: OrgId,
    pub confirmed: Vec<((PatientId, RecordIndex), OrgId)>,
    pub confirmations_sent: u32,
}

#[derive(Default)]
pub struct Chain(Mutex<State>);

impl Chain {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn ask<T: Send + 'static>(&self, answer: impl FnOnce(&mut State) -> T) -> Answer<'_, T> {
        let mut state = self.state();
        let answer = match state.down {
            true => Err(LedgerError("the test took it down".into())),
            false => Ok(answer(&mut state)),
        };
        async move { answer }.boxed()
    }
}

/// The hash of the block of this number: later blocks have greater ones.
fn hash(number: u32) -> H256 {
    H256::from_low_u64_be(u64::from(number))
}

impl State {
    pub fn hash(&self) -> H256 {
        hash(self.number)
    }

    fn holds(&self, patient: PatientId, grant: GrantIndex, who: &AccountId, at: Moment) -> bool {
        let at = at.max(self.moment);
        let Some(GrantView { grant, .. }) = self.grants.get(&(patient, grant)) else {
            return false;
        };
        let grantee = match &grant.grantee {
            Grantee::Clinician {
                account,
                organisation,
            } => {
                account == who
                    && self
                        .members
                        .get(who)
                        .is_some_and(|member| member.organisation() == *organisation)
            }
            Grantee::Organisation(organisation) => self
                .members
                .get(who)
                .is_some_and(|member| member.organisation() == *organisation),
        };
        let void = self
            .patients
            .get(&patient)
            .is_some_and(|patient| patient.voided_at.is_some());
        grantee
            && !void
            && grant.revoked_at.is_none()
            && grant.starts_at <= at
            && at < grant.expires_at
    }

    /// What `delivered` checks of an entry, the allowance aside.
    fn may_report(&self, service: &AccountId, delivery: &Delivery) -> bool {
        let keeps = self.members.get(service).is_some_and(|member| {
            member.is_service() && self.keepers.contains(&member.organisation())
        });
        let organisation = |account| self.members.get(account).map(Member::organisation);
        let opened = |grant| {
            self.entries.values().any(|(_, opened)| {
                opened.patient == delivery.patient
                    && opened.grant == grant
                    && organisation(&opened.reader) == organisation(&delivery.reader)
                    && self.moment.saturating_sub(opened.moment) <= DAY
            })
        };
        keeps && opened(delivery.grant) && !self.unreportable.contains(&delivery.record)
    }
}

impl Ledger for Chain {
    fn genesis(&self) -> Genesis {
        GENESIS
    }

    fn head(&self) -> Answer<'_, Head> {
        self.ask(|state| Head {
            hash: state.hash(),
            number: state.number,
            moment: state.moment,
        })
    }

    fn opened(&self, head: Head, entry: EntryId) -> Answer<'_, Option<Opened>> {
        self.ask(move |state| {
            state
                .entries
                .get(&(entry.block, entry.event))
                .filter(|(number, _)| *number <= head.number)
                .map(|(_, opened)| opened.clone())
        })
    }

    fn becomes_final(&self, block: H256) -> Answer<'_, bool> {
        self.ask(move |state| {
            state.number += u32::from(state.lags);
            state
                .entries
                .iter()
                .any(|((found, _), (number, _))| *found == block && *number <= state.number)
        })
    }

    fn member(&self, _: H256, account: &AccountId) -> Answer<'_, Option<Member>> {
        self.ask(|state| state.members.get(account).cloned())
    }

    fn controlled_by(&self, _: H256, account: &AccountId) -> Answer<'_, Vec<PatientId>> {
        self.ask(|state| {
            state
                .controllers
                .keys()
                .filter(|(_, who)| who == account)
                .map(|(patient, _)| *patient)
                .collect()
        })
    }

    fn controller(
        &self,
        _: H256,
        patient: PatientId,
        account: &AccountId,
    ) -> Answer<'_, Option<Controller>> {
        self.ask(|state| state.controllers.get(&(patient, account.clone())).cloned())
    }

    fn patient(&self, _: H256, patient: PatientId) -> Answer<'_, Option<Patient>> {
        self.ask(|state| state.patients.get(&patient).cloned())
    }

    fn record(
        &self,
        _: H256,
        patient: PatientId,
        record: RecordIndex,
    ) -> Answer<'_, Option<Record>> {
        self.ask(|state| state.records.get(&(patient, record)).cloned())
    }

    fn former_contents(
        &self,
        _: H256,
        patient: PatientId,
        record: RecordIndex,
    ) -> Answer<'_, Vec<Cid>> {
        self.ask(|state| {
            let former = state.former.get(&(patient, record));
            let former = former.into_iter().flatten();
            former.map(|named| named.content).collect()
        })
    }

    fn grant(
        &self,
        _: H256,
        patient: PatientId,
        grant: GrantIndex,
    ) -> Answer<'_, Option<GrantView>> {
        self.ask(|state| state.grants.get(&(patient, grant)).cloned())
    }

    fn request(
        &self,
        _: H256,
        patient: PatientId,
        request: RequestIndex,
    ) -> Answer<'_, Option<Request>> {
        self.ask(|state| state.requests.get(&(patient, request)).cloned())
    }

    fn correction_letter(
        &self,
        _: H256,
        patient: PatientId,
        correction: CorrectionIndex,
        stage: LetterStage,
        reader: &AccountId,
    ) -> Answer<'_, Option<(Cid, AccountId, bool)>> {
        self.ask(|state| {
            let (content, author, to) = state.letters.get(&(patient, correction, stage))?;
            let controls = state.controllers.contains_key(&(patient, reader.clone()));
            let allowed = controls || reader == author || reader == to;
            Some((*content, author.clone(), allowed))
        })
    }

    fn may_read(
        &self,
        _: H256,
        patient: PatientId,
        grant: GrantIndex,
        reader: &AccountId,
        record: RecordIndex,
        time: Moment,
    ) -> Answer<'_, bool> {
        self.ask(|state| {
            let Some(record) = state.records.get(&(patient, record)) else {
                return false;
            };
            let Some(view) = state.grants.get(&(patient, grant)) else {
                return false;
            };
            let Scope::Compartments(compartments) = &view.grant.scope else {
                return false;
            };
            state.holds(patient, grant, reader, time)
                && view.grant.rights.read()
                && compartments.contains(&record.compartment)
        })
    }

    fn holds_grant(
        &self,
        _: H256,
        patient: PatientId,
        grant: GrantIndex,
        account: &AccountId,
        time: Moment,
    ) -> Answer<'_, bool> {
        self.ask(|state| state.holds(patient, grant, account, time))
    }

    fn reference(
        &self,
        _: H256,
        patient: PatientId,
        kind: ObjectKind,
        content: Cid,
    ) -> Answer<'_, Reference> {
        self.ask(|state| {
            if state.named.contains(&(kind, content)) {
                return Reference::Named;
            }
            let record = state
                .records
                .iter()
                .find(|((of, _), record)| *of == patient && record.content == content);
            let former = state.former.iter().find(|((of, _), named)| {
                *of == patient && named.iter().any(|named| named.content == content)
            });
            let record = record.or(former.and_then(|(key, _)| state.records.get_key_value(key)));
            match record {
                Some((_, record)) if kind == ObjectKind::Record => match record.state {
                    RecordState::Erased => Reference::Erased,
                    _ => Reference::Named,
                },
                _ => Reference::Unnamed,
            }
        })
    }

    fn emergency_plan(&self, at: H256, patient: PatientId) -> Answer<'_, Option<EmergencyPlan>> {
        self.ask(move |state| {
            let (number, plan) = state.plans.get(&patient)?;
            (hash(*number) <= at).then(|| plan.clone())
        })
    }

    fn glass(&self, at: H256, patient: PatientId, glass: GlassIndex) -> Answer<'_, Option<Glass>> {
        self.ask(move |state| {
            let (number, glass) = state.glasses.get(&(patient, glass))?;
            (hash(*number) <= at).then(|| glass.clone())
        })
    }

    fn holds_glass(
        &self,
        at: H256,
        patient: PatientId,
        glass: GlassIndex,
        account: &AccountId,
        time: Moment,
    ) -> Answer<'_, bool> {
        self.ask(move |state| {
            let Some((number, row)) = state.glasses.get(&(patient, glass)) else {
                return false;
            };
            let member = state.members.get(account);
            let void = state
                .patients
                .get(&patient)
                .is_some_and(|patient| patient.voided_at.is_some());
            hash(*number) <= at
                && row.clinician == *account
                && glass_lasts(row, time.max(state.moment))
                && !void
                && member.is_some_and(|member| member.organisation() == row.organisation)
                && row
                    .grant
                    .is_none_or(|grant| state.holds(patient, grant, account, time))
        })
    }

    fn recipient(&self, _: H256, account: &AccountId) -> Answer<'_, Option<SignedRecipient>> {
        self.ask(|state| state.recipients.get(account).cloned())
    }

    fn peers(&self, _: H256) -> Answer<'_, Vec<Peer>> {
        self.ask(|state| state.peers.clone())
    }

    fn keepers(&self, _: H256, _: PatientId) -> Answer<'_, Vec<OrgId>> {
        self.ask(|state| state.keepers.clone())
    }

    fn changes(&self, number: BlockNumber) -> Answer<'_, Vec<Change>> {
        self.ask(|state| state.changes.get(&number).cloned().unwrap_or_default())
    }

    fn patients(&self, _: H256, after: Option<PatientId>) -> Answer<'_, Vec<PatientId>> {
        self.ask(|state| {
            let mut all: Vec<_> = state.patients.keys().copied().collect();
            all.sort_unstable();
            all.retain(|patient| after.is_none_or(|after| *patient > after));
            all.truncate(1);
            all
        })
    }

    fn chart(&self, _: H256, patient: PatientId) -> Answer<'_, Chart> {
        self.ask(|state| {
            let mut chart = Chart::default();
            for ((of, index), record) in &state.records {
                if *of == patient && record.is_erased(state.moment) {
                    chart.erased.push(*index);
                } else if *of == patient {
                    chart.named.push(Named {
                        patient,
                        kind: ObjectKind::Record,
                        content: record.content,
                        author: Some(record.placed_by.clone()),
                    });
                    let former = state.former.get(&(patient, *index));
                    chart.named.extend(former.into_iter().flatten().cloned());
                }
            }
            chart
        })
    }

    fn confirmations(
        &self,
        _: H256,
        patient: PatientId,
        record: RecordIndex,
    ) -> Answer<'_, Vec<OrgId>> {
        self.ask(|state| {
            let of_record = state
                .confirmed
                .iter()
                .filter(|(of, _)| *of == (patient, record));
            of_record.map(|(_, organisation)| *organisation).collect()
        })
    }

    fn confirm_erasures(&self, batch: Vec<(PatientId, RecordIndex)>) -> Answer<'_, bool> {
        self.ask(|state| {
            state.confirmations_sent += 1;
            if batch.iter().any(|(of, _)| state.full_trails.contains(of)) {
                return false;
            }
            // Which vault it was, only the signature would say.
            state
                .confirmed
                .extend(batch.into_iter().map(|erasure| (erasure, state.confirming)));
            true
        })
    }

    fn may_report(&self, _: H256, service: &AccountId, delivery: &Delivery) -> Answer<'_, bool> {
        self.ask(|state| state.may_report(service, delivery))
    }

    fn deliver(&self, batch: Vec<Delivery>) -> Answer<'_, bool> {
        let rejects = self.state().rejects_deliveries;
        if rejects {
            return async { Err(LedgerError("no answer".into())) }.boxed();
        }
        self.ask(|state| {
            state.batches_offered += 1;
            let service = AccountKey::from_uri("//Service").unwrap().account();
            let takes = |delivery: &Delivery| {
                state.may_report(&service, delivery)
                    && !state.full_trails.contains(&delivery.patient)
            };
            let taken = batch.iter().all(takes);
            if taken {
                state.delivered.extend(batch);
            }
            taken
        })
    }

    fn inbox(&self, _: H256, patient: PatientId) -> Answer<'_, Option<SignedRecipient>> {
        self.ask(|state| state.inboxes.get(&patient).cloned())
    }

    fn read_roots(&self, _: H256, organisation: OrgId) -> Answer<'_, Vec<(u32, H256)>> {
        self.ask(|state| {
            state
                .read_roots
                .get(&organisation)
                .cloned()
                .unwrap_or_default()
        })
    }

    fn commit_reads(&self, day: u32, root: H256) -> Answer<'_, bool> {
        self.ask(|state| {
            let today = salus_primitives::reads::day_of(state.moment);
            let service = AccountKey::from_uri("//Service").unwrap().account();
            let organisation = state.members[&service].organisation();
            let rejects = state.rejects_commitments;
            let roots = state.read_roots.entry(organisation).or_default();
            let takes = day + 1 == today && roots.iter().all(|(found, _)| *found != day);
            if takes && !rejects {
                roots.push((day, root));
            }
            takes && !rejects
        })
    }

    fn publish_recipient(&self, key: &EncryptionKey, epoch: u32) -> Answer<'_, ()> {
        let service = AccountKey::from_uri("//Service").unwrap();
        let signer = service.account();
        let present = self.state().recipients.get(&signer).cloned();
        let next = present.map_or(0, |present| present.recipient.epoch + 1);
        if self.state().rejects_recipients || epoch != next {
            return async { Err(LedgerError("refused".into())) }.boxed();
        }
        let subject = Subject::Account(signer.clone());
        let recipient = service.sign_recipient(&subject, key, epoch, &GENESIS);
        let signed = SignedRecipient {
            signer: signer.clone(),
            recipient,
        };
        self.ask(|state| {
            state.recipients.insert(signer, signed);
        })
    }
}
