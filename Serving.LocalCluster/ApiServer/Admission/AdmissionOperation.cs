namespace Serving.LocalCluster.ApiServer.Admission;

/// <summary>What is being done to an object, in the words of admission.</summary>
internal enum AdmissionOperation
{
    Create,
    Update,
    Delete,
}
