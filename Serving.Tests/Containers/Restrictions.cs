using FluentAssertions;

namespace Serving.Tests.Containers;

/// <summary>What the kernel says about the process of a container.</summary>
internal static class Restrictions
{
    private const string User = "65532";

    /// <summary>Asserts that it runs as the image's user, and has no capabilities and no way to get any.</summary>
    public static async Task ShouldHoldAsync(string container)
    {
        var inspected = await ContainerEngine.Client.Containers.InspectContainerAsync(container);
        inspected.Config!.User.Should().Be($"{User}:{User}");
        inspected.HostConfig!.ReadonlyRootfs.Should().BeTrue();
        inspected.State!.Running.Should().BeTrue();

        // An engine in a virtual machine has its processes there.
        var status = $"/proc/{inspected.State.Pid}/status";
        if (!File.Exists(status))
        {
            return;
        }

        var lines = (await File.ReadAllLinesAsync(status))
            .Select(static line => line.Split(':', 2))
            .ToDictionary(static pair => pair[0], static pair => pair[1].Trim());
        lines["Uid"].Split('\t').Should().AllBe(User);
        lines["Gid"].Split('\t').Should().AllBe(User);
        lines["NoNewPrivs"].Should().Be("1");
        foreach (var set in (string[])["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
        {
            lines[set].Should().Be("0000000000000000", set);
        }
    }
}
