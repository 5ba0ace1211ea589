using System.Globalization;
using Serving.LocalCluster.Node.Processes;

namespace Serving.LocalCluster.Node.Limits;

/// <summary>
/// Where no cgroup can be created: processes of a container with a CPU limit of less than half a core get a lower priority, so that they
/// yield to the others on a busy machine. That is no limit: an idle machine gives them all they ask for. Memory is not limited.
/// </summary>
internal sealed class PriorityControl(bool maySetPriority, bool hasAutogroups) : IResourceControl
{
    // Limits from here on change nothing: most limits are meant to bound a program, not to slow it down.
    private const decimal Unchanged = 0.5m;

    // One step of the nice value changes the share of the processor by this factor.
    private const double Step = 1.25;
    private const int Lowest = 19;

    public string Description =>
        maySetPriority || hasAutogroups
            ? "no limits enforced; CPU limits below 500m lower the priority of processes"
            : "no limits enforced: this user may neither create cgroups nor change priorities";

    /// <summary>The nice value of a CPU limit.</summary>
    /// <param name="cores">In cores; null for no limit.</param>
    public static int Nice(decimal? cores) =>
        cores is > 0 and < Unchanged ? Math.Min((int)Math.Round(Math.Log(1 / (double)cores) / Math.Log(Step)), Lowest) : 0;

    /// <summary>The file with the priority of a process's session among the sessions of the machine, on kernels that divide the processor
    /// by session first.</summary>
    public static string AutogroupOf(string process) => $"/proc/{process}/autogroup";

    public IContainerControl For(string name) => new Container(this);

    public void Dispose() { }

    private void Set(int group, int nice)
    {
        if (maySetPriority)
        {
            Native.SetPriority(group, nice);
        }

        if (hasAutogroups)
        {
            try
            {
                File.WriteAllText(AutogroupOf(group.ToString(CultureInfo.InvariantCulture)), nice.ToString(CultureInfo.InvariantCulture));
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
            {
                // The process has ended.
                return;
            }
        }
    }

    private sealed class Container(PriorityControl control) : IContainerControl
    {
        private readonly ProcessGroup _group = new();
        private readonly Lock _lock = new();
        private int _nice;

        public long MemoryInUse => _group.MemoryInUse;

        public long MemoryKills => 0;

        public void Apply(ContainerLimits limits)
        {
            lock (_lock)
            {
                var nice = Nice(limits.Cpu);
                if (nice == _nice)
                {
                    return;
                }

                _nice = nice;
                if (_group.Current is { } group)
                {
                    control.Set(group, nice);
                }
            }
        }

        public ProcessSpec Place(ProcessSpec spec) => spec;

        public void Started(int group)
        {
            lock (_lock)
            {
                _group.Replace(group);
                if (_nice != 0)
                {
                    control.Set(group, _nice);
                }
            }
        }

        public Task RemoveAsync() => Task.CompletedTask;
    }
}
