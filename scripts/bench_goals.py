"""What was asked for and what was measured, a line each; for the scripts that compare instruments with their peers."""
import statistics


class Goal:
    """A promised figure: at least `asked` (`at_most`: no more than it), or with `within` no further from it than that
    share. Without `asked` it is only told."""
    def __init__(self, what, asked, measured, within=None, spread=None, unit='×', at_most=False):
        self.what, self.asked, self.measured, self.within, self.spread, self.unit = what, asked, measured, within, spread, unit
        if asked is None: self.is_met = True
        elif within: self.is_met = abs(measured / asked - 1) <= within
        else: self.is_met = measured <= asked if at_most else measured >= asked

    @classmethod
    def ratio(cls, what, asked, ratios, **more):
        """The median of rounds' ratios, and their middle half."""
        quarters = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else [ratios[0]] * 3
        return cls(what, asked, statistics.median(ratios), spread=(quarters[0], quarters[2]), **more)

    def line(self):
        number = (lambda x: f'{x:.0f}') if isinstance(self.measured, int) else (lambda x: f'{x:.3g}' if abs(x) >= 10 else f'{x:.2f}')
        asked = '' if self.asked is None else f'{self.asked:g} ± {self.within:.0%}' if self.within else f'{self.asked:g}'
        spread = f'{number(self.spread[0])} to {number(self.spread[1])}' if self.spread else ''
        return f'{"" if self.asked is None else "met" if self.is_met else "MISSED":7}{asked:>9} {number(self.measured):>9} {self.unit:16}{spread:16}{self.what}'


def show(goals):
    print(f'{"":7}{"asked":>9} {"measured":>9} {"":16}{"middle half":16}')
    for goal in goals: print(goal.line())
