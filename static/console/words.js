//! What the server's codes mean, in words, and how good or bad that is. A code that is not here is shown as it is: a newer server
//! may have more.

/** What became of a driver whom a search looked at: `{says, tone}`. */
const OUTCOMES = {
  accepted: ['got the job', 'good'],
  declined: ['declined', 'warn'],
  taken: ['another driver was faster', 'warn'],
  expired: ['did not answer in time', 'bad'],
  cancelled: ['the job was cancelled meanwhile', 'warn'],
  withdrawn: ['took another job, or went off duty', 'warn'],
  offered: ['is asked now', 'info'],
  assigned: ['got the order', 'good'],
  not_bound: ['was no longer free', 'warn'],
  busy: ['not asked: on a job, or paused', 'warn'],
  offline: ['not asked: offline', 'bad'],
  not_verified: ['not asked: not verified', 'bad'],
  suspended: ['not asked: suspended', 'bad'],
  position_too_old: ['not asked: the position is too old', 'bad'],
  other_vehicle: ['not asked: another kind of vehicle', 'warn'],
  holds_deliveries: ['not asked: holds deliveries', 'warn'],
  asked_before: ['not asked again: was asked for this ride before', 'warn'],
  too_many_offers: ['not asked: has as many open offers as allowed', 'warn'],
  being_bound: ['not asked: is being given another job', 'warn'],
};

export function outcome(code) {
  const [says, tone] = OUTCOMES[code] ?? [code, ''];
  return { says, tone };
}

const STATUSES = {
  requested: 'requested', assigned: 'has a driver', en_route: 'driver on the way', arrived: 'driver arrived', in_progress: 'under way',
  completed: 'completed', cancelled: 'cancelled', unmatched: 'no driver found',
};

export const statusWords = (code) => STATUSES[code] ?? code;

const SEARCH_ENDS = { assigned: 'a driver was found', no_drivers: 'nobody was found', cancelled: 'it was cancelled' };

export const searchEnd = (code) => SEARCH_ENDS[code] ?? code;

/** What has to hold for a driver to be offered rides, in the order of a look: which reason codes say that it does not. */
export const CONDITIONS = [
  { id: 'allowed', says: 'not suspended', fails: ['suspended'] },
  { id: 'verified', says: 'verified', fails: ['not_verified'] },
  { id: 'duty', says: 'on duty', fails: ['offline'] },
  { id: 'free', says: 'free', fails: ['busy'] },
  { id: 'hands', says: 'no deliveries', fails: ['holds_deliveries'] },
  { id: 'position', says: 'position known', fails: ['no_position'] },
  { id: 'fresh', says: 'position fresh', fails: ['position_too_old'] },
  { id: 'believed', says: 'position believed', fails: ['position_not_believed', 'jump', 'inaccurate'] },
  { id: 'offers', says: 'room for an offer', fails: ['too_many_offers'] },
];
