//! Bookings of technicians as data: the words for their status, and who may wish for which.

/** Each status with what the button says that wishes for it. `Assigned` comes of naming a technician. */
const WISHES = {
  StartJourney: 'Start journey',
  Reached: 'Reached',
  StartService: 'Start service',
  Completed: 'Done',
  Pending: 'Give back',
};

/** The wishes that the lifecycle has, by status. */
const NEXT = {
  Assigned: ['StartJourney', 'Reached', 'StartService', 'Pending'],
  StartJourney: ['Reached', 'StartService', 'Pending'],
  Reached: ['StartService', 'Pending'],
  StartService: ['Completed'],
};

export const bookings = {
  statuses: ['Pending', 'Assigned', 'StartJourney', 'Reached', 'StartService', 'Completed', 'Cancelled'],
  wishes: Object.entries(WISHES).map(([status, label]) => ({ status, label })),
  isNext: (status, wish) => (NEXT[status] ?? []).includes(wish),
  hasEnded: (status) => status === 'Completed' || status === 'Cancelled',
};
