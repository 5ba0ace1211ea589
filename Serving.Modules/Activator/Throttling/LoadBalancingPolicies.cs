namespace Serving.Activator.Throttling;

/// <summary>The load balancing policies, selected by container concurrency.</summary>
internal static class LoadBalancingPolicies
{
    private const int FewAtOnce = 3;

    /// <summary>
    /// Without a limit, the less busy of two random pods; with a very low limit, the first pod with a free slot, so that others stay idle
    /// and can be removed; otherwise round robin.
    /// </summary>
    public static ILoadBalancingPolicy For(int containerConcurrency) =>
        containerConcurrency switch
        {
            0 => new RandomChoiceOfTwo(Random.Shared),
            <= FewAtOnce => new FirstAvailable(),
            _ => new RoundRobin(),
        };

    /// <summary>The less busy of two pods chosen at random.</summary>
    internal sealed class RandomChoiceOfTwo(Random random) : ILoadBalancingPolicy
    {
        public PodTracker? Reserve(PodTracker[] pods)
        {
            if (pods.Length == 0)
                return null;
            var pick = pods[0];
            if (pods.Length > 1)
            {
                var first = pods.Length == 2 ? 0 : random.Next(pods.Length);
                var second = pods.Length == 2 ? 1 : random.Next(pods.Length - 1);
                if (pods.Length > 2 && second >= first)
                    second++;
                var (one, other) = (pods[first], pods[second]);
                if (one.Health.Avoided != other.Health.Avoided)
                    return Reserved(one.Health.Avoided ? other : one);
                var difference = one.InFlight - other.InFlight;
                pick = difference < 0 || (difference == 0 && random.Next(2) == 0) ? one : other;
            }

            return Reserved(pick);
        }

        private static PodTracker? Reserved(PodTracker pod) => pod.TryReserve() ? pod : null;
    }

    /// <summary>The first pod with a free slot.</summary>
    internal sealed class FirstAvailable : ILoadBalancingPolicy
    {
        public PodTracker? Reserve(PodTracker[] pods) =>
            Array.Find(pods, static pod => !pod.Health.Avoided && pod.TryReserve()) ?? Array.Find(pods, static pod => pod.TryReserve());
    }

    /// <summary>The next pod with a free slot after the one chosen last.</summary>
    internal sealed class RoundRobin : ILoadBalancingPolicy
    {
        private uint _next;

        // Pods that failed come last.
        private static PodTracker? Next(PodTracker[] pods, uint start, bool last)
        {
            for (var i = 0u; i < pods.Length; i++)
            {
                var pod = pods[(start + i) % (uint)pods.Length];
                if ((last || !pod.Health.Avoided) && pod.TryReserve())
                    return pod;
            }

            return null;
        }

        public PodTracker? Reserve(PodTracker[] pods)
        {
            if (pods.Length == 0)
                return null;
            var start = Interlocked.Increment(ref _next) - 1;
            return Next(pods, start, last: false) ?? Next(pods, start, last: true);
        }
    }
}
