/** Whether a listing can be relied on to be whole: not at first, nor right after the leadership has changed. Pure. */
export interface Trust {
  /** @param leader whatever tells one leader from the next */
  attached(leader: string): void;
  /** A listing was complete at `now`; one that comes `settleAfter` ms or more after the doubt arose ends it. */
  listed(now: number, settleAfter: number): void;
  isDoubtful(): boolean;
}

export function createTrust(now: () => number): Trust {
  let known: string | null = null;
  let doubtedSince: number | null = now();
  return {
    attached(leader) {
      const name = leader.replace(/^https?:\/\//, "");
      if (known !== name) doubtedSince = now();
      known = name;
    },
    listed(at, settleAfter) {
      if (doubtedSince !== null && at - doubtedSince >= settleAfter) doubtedSince = null;
    },
    isDoubtful: () => doubtedSince !== null,
  };
}
