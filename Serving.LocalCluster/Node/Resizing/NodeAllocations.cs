namespace Serving.LocalCluster.Node.Resizing;

/// <summary>
/// What is allocated to the pods of the node. A pod that starts always gets what it requests, because on a developer's machine a request
/// is no reservation (<see cref="PodScheduler"/>); a resize that asks for more must fit beside the other pods, as on any node. Thread-safe.
/// </summary>
/// <param name="cpu">The CPU of the node, in thousandths of a core.</param>
/// <param name="memory">Its memory, in bytes.</param>
internal sealed class NodeAllocations(long cpu, long memory)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, PodRequests> _pods = new(StringComparer.Ordinal);

    /// <summary>Called after a pod ended or was resized to less, outside all locks.</summary>
    public Action RoomAppeared { get; set; } = static () => { };

    /// <summary>A pod starts.</summary>
    public void Start(string uid, PodRequests requests)
    {
        lock (_lock)
        {
            _pods[uid] = requests;
        }
    }

    /// <summary>A pod has ended.</summary>
    public void End(string uid)
    {
        bool had;
        lock (_lock)
        {
            had = _pods.Remove(uid);
        }

        if (had)
        {
            RoomAppeared();
        }
    }

    /// <summary>Allocates what a resize asks for, or returns why that is not possible. A resize to less is always possible, also when more
    /// is allocated than the node has. The caller calls <see cref="RoomAppeared"/> when <paramref name="frees"/> is set.</summary>
    public ResizeRefusal? Resize(string uid, PodRequests wanted, out bool frees)
    {
        lock (_lock)
        {
            var had = _pods.GetValueOrDefault(uid);
            frees = false;
            if (wanted.Memory > memory)
            {
                return new ResizeRefusal(ResizeRefusal.Infeasible, TooMuch("memory", wanted.Memory, memory));
            }

            if (wanted.Cpu > cpu)
            {
                return new ResizeRefusal(ResizeRefusal.Infeasible, TooMuch("cpu", wanted.Cpu, cpu));
            }

            var others = _pods.Where(p => p.Key != uid).Select(p => p.Value).ToList();
            var (usedCpu, usedMemory) = (others.Sum(p => p.Cpu), others.Sum(p => p.Memory));
            if (wanted.Cpu > had.Cpu && usedCpu + wanted.Cpu > cpu)
            {
                return new ResizeRefusal(ResizeRefusal.Deferred, NotNow("cpu", wanted.Cpu, usedCpu, cpu));
            }

            if (wanted.Memory > had.Memory && usedMemory + wanted.Memory > memory)
            {
                return new ResizeRefusal(ResizeRefusal.Deferred, NotNow("memory", wanted.Memory, usedMemory, memory));
            }

            _pods[uid] = wanted;
            frees = wanted.Cpu < had.Cpu || wanted.Memory < had.Memory;
            return null;
        }
    }

    private static string TooMuch(string resource, long requested, long capacity) =>
        $"Node didn't have enough capacity: {resource}, requested: {requested}, capacity: {capacity}";

    private static string NotNow(string resource, long requested, long used, long capacity) =>
        $"Node didn't have enough resource: {resource}, requested: {requested}, used: {used}, capacity: {capacity}";
}
