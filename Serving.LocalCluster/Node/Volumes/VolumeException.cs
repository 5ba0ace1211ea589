namespace Serving.LocalCluster.Node.Volumes;

/// <summary>A volume cannot be created (yet), and its pod waits. Reported as the event <c>FailedMount</c>.</summary>
internal sealed class VolumeException(string volume, string message)
    : Exception($"MountVolume.SetUp failed for volume \"{volume}\" : {message}");
