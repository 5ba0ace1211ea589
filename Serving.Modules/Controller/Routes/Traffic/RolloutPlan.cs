namespace Serving.Controller.Routes.Traffic;

/// <summary>
/// Advances a rollout. A new Revision gets one percent at once. When the Ingress is ready with that, the time it took is the minimum time
/// between two steps, and the rest moves in equal steps over the rollout's duration, from the second newest Revision first.
/// </summary>
internal static class RolloutPlan
{
    private const double Second = 1e9;

    /// <summary>The Ingress became ready: computes the pace of rollouts that have just started.</summary>
    /// <param name="previous">The state so far.</param>
    /// <param name="now">Nanoseconds since 1970.</param>
    /// <param name="duration">The rollout's duration in seconds.</param>
    public static Rollout ObserveReady(Rollout previous, long now, double duration) =>
        previous with
        {
            Configurations =
            [
                .. previous.Configurations.Select(configuration =>
                    configuration.StepParams is { StepDuration: 0, StartTime: > 0 } parameters
                        ? configuration with
                        {
                            StepParams = Pace(
                                configuration,
                                now,
                                Math.Max(1, Math.Ceiling((now - parameters.StartTime) / Second)),
                                duration
                            ),
                        }
                        : configuration
                ),
            ],
        };

    /// <summary>The state to apply now, and when to reconcile again (nanoseconds since 1970; 0 for never).</summary>
    public static (Rollout Rollout, long Next) Step(Rollout wanted, Rollout? previous, long now)
    {
        if (previous is null || previous.Configurations.Count == 0)
        {
            return (wanted, 0);
        }

        var before = previous.Configurations.ToLookup(configuration => (configuration.Tag, configuration.ConfigurationName));
        var result = wanted
            .Configurations.Select(goal =>
                goal.Percent > 1 && before[(goal.Tag, goal.ConfigurationName)].FirstOrDefault() is { } from ? Step(goal, from, now) : goal
            )
            .Where(configuration => configuration.Percent > 0)
            .ToList();
        var next = result.Select(configuration => configuration.StepParams.NextStepTime).Where(time => time > 0).DefaultIfEmpty(0).Min();
        return (Rollout.Sorted(result), next);
    }

    private static ConfigurationRollout Step(ConfigurationRollout goal, ConfigurationRollout previous, long now)
    {
        var shares = Adjust(previous, goal.Percent);
        var newest = goal.Revisions[0].RevisionName;
        if (previous.Revisions.Count == 0 || previous.Revisions[^1].RevisionName == newest)
        {
            if (previous.Revisions.Count < 2 || shares.Count == 0)
            {
                return goal;
            }

            var going = goal with { Revisions = shares, StepParams = previous.StepParams };
            return going.StepParams.StepSize > 0 ? Move(going, now) : going;
        }

        // A new Revision starts with one percent, taken from the newest Revision that has any.
        var giver = shares.FindLastIndex(share => share.Percent > 0);
        if (giver >= 0)
        {
            shares[giver] = shares[giver] with { Percent = shares[giver].Percent - 1 };
        }

        return goal with
        {
            Revisions = [.. shares.Where(share => share.Percent > 0), new RevisionRollout(newest, 1)],
            StepParams = new RolloutParameters { StartTime = now },
        };
    }

    /// <summary>Fits the shares to a new total: an increase goes to the newest, a decrease is taken from the oldest.</summary>
    private static List<RevisionRollout> Adjust(ConfigurationRollout previous, int total)
    {
        var shares = previous.Revisions.ToList();
        var difference = total - previous.Percent;
        if (shares.Count == 0)
        {
            return shares;
        }

        if (difference > 0)
        {
            shares[^1] = shares[^1] with { Percent = shares[^1].Percent + difference };
        }

        for (var excess = -difference; excess > 0 && shares.Count > 0; )
        {
            if (shares[0].Percent > excess)
            {
                shares[0] = shares[0] with { Percent = shares[0].Percent - excess };
                break;
            }

            excess -= shares[0].Percent;
            shares.RemoveAt(0);
        }

        return shares;
    }

    /// <summary>Moves one step's share to the newest when it is due, from the second newest first; a Revision without a share is
    /// removed.</summary>
    private static ConfigurationRollout Move(ConfigurationRollout current, long now)
    {
        if (now < current.StepParams.NextStepTime || current.Revisions.Count < 2)
        {
            return current;
        }

        var older = current.Revisions.SkipLast(1).ToList();
        for (var remaining = current.StepParams.StepSize; remaining > 0 && older.Count > 0; )
        {
            if (older[^1].Percent > remaining)
            {
                older[^1] = older[^1] with { Percent = older[^1].Percent - remaining };
                break;
            }

            remaining -= older[^1].Percent;
            older.RemoveAt(older.Count - 1);
        }

        var newest = current.Revisions[^1] with
        {
            Percent = Math.Min(current.Percent, current.Revisions[^1].Percent + current.StepParams.StepSize),
        };
        return current with
        {
            Revisions = [.. older, newest],
            StepParams =
                older.Count > 0
                    ? current.StepParams with
                    {
                        NextStepTime = now + current.StepParams.StepDuration,
                    }
                    : new RolloutParameters(),
        };
    }

    private static RolloutParameters Pace(ConfigurationRollout configuration, long now, double leastStep, double duration)
    {
        // The first percent has used its part of the time already.
        var left = Math.Max(1, duration - leastStep);
        double percent = configuration.Percent - 1;
        var steps = Math.Min(percent, Math.Max(1, left / leastStep));
        var stepDuration = left / steps * Second;
        return configuration.StepParams with
        {
            StepDuration = (long)stepDuration,
            StepSize = (int)Math.Round(percent / steps, MidpointRounding.AwayFromZero),
            NextStepTime = now + (long)stepDuration,
        };
    }
}
